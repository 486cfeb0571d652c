import { randomBytes } from 'node:crypto';
import type { RedisOptions } from '../../types';
import { UsageError } from '../exit';

/** Where the replay keeps its counters when not in memory. */
export interface StoreOptions {
  redis: RedisOptions;
  keyPrefix: string;
  /** For people: without user and password. */
  address: string;
}

const SENTINEL_PORT = 26_379;
const RANDOM_BYTES = 4;

/** `null` without `--redis`. */
export function readStore(values: {
  redis?: string;
  cluster?: boolean;
  sentinel?: string;
  prefix?: string;
}): StoreOptions | null {
  if (values.redis === undefined) {
    for (const option of ['cluster', 'sentinel', 'prefix'] as const) {
      if (values[option] !== undefined) {
        throw new UsageError(`--${option} needs --redis`);
      }
    }
    return null;
  }
  if (values.cluster && values.sentinel !== undefined) {
    throw new UsageError('--cluster and --sentinel exclude each other');
  }
  const url = readUrl(values.redis);
  // A prefix of its own for every run: two replays never share a budget by accident.
  const keyPrefix = values.prefix ?? `token-budget-replay:${randomBytes(RANDOM_BYTES).toString('hex')}`;
  if (values.sentinel !== undefined) {
    return {
      redis: throughSentinel(url, values.redis, values.sentinel, keyPrefix),
      keyPrefix,
      address: `${values.sentinel} through the Sentinel at ${hostAndPort(url, SENTINEL_PORT)}`,
    };
  }
  return {
    redis: { url: values.redis, keyPrefix, ...(values.cluster && { cluster: true as const }) },
    keyPrefix,
    address: hostAndPort(url, 6379) + (values.cluster ? ' (cluster)' : url.pathname.replace(/^\/$/, '')),
  };
}

/** The host of the address is the Sentinel; user, password and database are those of the primary. */
function throughSentinel(url: URL, text: string, name: string, keyPrefix: string): RedisOptions {
  const port = url.port === '' ? SENTINEL_PORT : Number(url.port);
  return { url: text, keyPrefix, name, sentinels: [{ host: hostOf(url), port }] };
}

/** The address never gets into a message as it is: it may hold a password. */
function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new UsageError('--redis: expected redis://user:password@host:port/db, or rediss:// for TLS');
  }
  return url;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function hostAndPort(url: URL, defaultPort: number): string {
  return `${url.hostname}:${url.port || defaultPort}`;
}
