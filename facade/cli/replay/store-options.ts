import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisOptions } from '../../types';
import { CommandError, messageOf, UsageError } from '../exit';

/** Where the replay keeps its counters when not in memory. */
export interface StoreOptions {
  redis: RedisOptions;
  keyPrefix: string;
  /** For people: without user and password. */
  address: string;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;
const RANDOM_BYTES = 4;

/** `null` without `--redis`. */
export function readStore(values: {
  redis?: string;
  cluster?: boolean;
  sentinel?: string;
  prefix?: string;
  ca?: string;
}): StoreOptions | null {
  if (values.redis === undefined) {
    for (const option of ['cluster', 'sentinel', 'prefix', 'ca'] as const) {
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
  const redis = {
    url: values.redis,
    keyPrefix,
    ...(values.ca !== undefined && { tls: readCa(values.ca, url) }),
  };
  if (values.sentinel !== undefined) {
    // User, password and database of the address are those of the primary.
    const sentinel = { host: hostOf(url), port: url.port === '' ? SENTINEL_PORT : Number(url.port) };
    return {
      redis: { ...redis, name: values.sentinel, sentinels: [sentinel] },
      keyPrefix,
      address: `${values.sentinel} through the Sentinel at ${hostAndPort(url, SENTINEL_PORT)}`,
    };
  }
  return {
    redis: values.cluster ? { ...redis, cluster: true } : redis,
    keyPrefix,
    address:
      hostAndPort(url, REDIS_PORT) + (values.cluster ? ' (cluster)' : url.pathname.replace(/^\/$/, '')),
  };
}

function readCa(path: string, url: URL): { ca: string } {
  if (url.protocol !== 'rediss:') {
    throw new UsageError('--ca needs a rediss:// address');
  }
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new CommandError(`--ca: ${messageOf(error)}`);
  }
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
