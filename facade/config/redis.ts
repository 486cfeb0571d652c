import { isArray } from '../text';
import type { RedisOptions } from '../types/config';
import { boolean, elements, integer, invalid, join, object, onlyNames, own, text } from '../validate';
import { readTls } from './tls';
import { readUrl } from './url';

const NAME_MAX_BYTES = 256;
const SECRET_MAX_BYTES = 65_536;
const NODES_MAX_LENGTH = 100;
const DB_MAX = 2 ** 31 - 1;
const BUSY_POLL_DEFAULT_US = 100;
const BUSY_POLL_MAX_US = 1000;

const NAMES: ReadonlySet<string> = new Set<keyof RedisOptions>([
  'host',
  'port',
  'username',
  'password',
  'db',
  'keyPrefix',
  'url',
  'tls',
  'sentinels',
  'name',
  'sentinelUsername',
  'sentinelPassword',
  'cluster',
  'ioThread',
  'busyPollMicros',
]);

interface Node {
  host: string;
  port: number;
}

/** `redis` of the configuration as the addon wants it. */
export function readRedis(value: unknown, at: string) {
  const source = object(value, at);
  onlyNames(source, at, NAMES);
  const field = (key: string) => own(source, key, at);
  const words = (key: string, maxBytes = NAME_MAX_BYTES): string | undefined => {
    const given = field(key);
    return given === undefined ? undefined : filled(given, join(at, key), maxBytes);
  };
  const secret = (key: string): string | undefined => {
    const given = field(key);
    if (given === undefined) return undefined;
    // Its value never gets into a message.
    if (typeof given !== 'string') throw invalid(join(at, key), 'a string', given);
    if (given.length > SECRET_MAX_BYTES) throw invalid(join(at, key), 'a shorter string', undefined);
    return given;
  };

  const url = readUrl(field('url'), join(at, 'url'));
  const first: Node = {
    host: words('host') ?? url.host ?? 'localhost',
    port: readPort(field('port'), join(at, 'port')) ?? url.port ?? 6379,
  };
  const topology = readTopology(field('sentinels'), field('cluster'), first, at);
  const db = readDb(field('db'), join(at, 'db')) ?? url.db ?? 0;
  if (topology.mode === 'cluster' && db !== 0) throw invalid(join(at, 'db'), '0 with a cluster', db);
  const primaryName = words('name');
  if (topology.mode === 'sentinel' && primaryName === undefined) {
    throw invalid(join(at, 'name'), 'the name of the primary, with sentinels', undefined);
  }
  return {
    ...topology,
    primaryName,
    db,
    username: secret('username') ?? url.username,
    password: secret('password') ?? url.password,
    sentinelUsername: secret('sentinelUsername'),
    sentinelPassword: secret('sentinelPassword'),
    tls: readTls(field('tls'), join(at, 'tls'), url.tls),
    // Other runtimes have functions of libuv by name only.
    ioThread: (readFlag(field('ioThread'), join(at, 'ioThread')) ?? false) || !runsOnLibuv(),
    busyPollUs: readBusyPoll(field('busyPollMicros'), join(at, 'busyPollMicros')) ?? BUSY_POLL_DEFAULT_US,
    keyPrefix: readPrefix(field('keyPrefix'), join(at, 'keyPrefix'), topology.mode),
  };
}

function readTopology(sentinels: unknown, cluster: unknown, first: Node, at: string) {
  if (sentinels !== undefined && cluster !== undefined) {
    throw invalid(join(at, 'cluster'), 'no cluster beside sentinels', cluster);
  }
  if (sentinels !== undefined) {
    return { mode: 'sentinel' as const, nodes: readNodes(sentinels, join(at, 'sentinels'), 26_379) };
  }
  if (cluster === undefined) return { mode: 'standalone' as const, nodes: [{ ...first }] };
  if (cluster === true) return { mode: 'cluster' as const, nodes: [{ ...first }] };
  if (!isArray(cluster)) throw invalid(join(at, 'cluster'), 'true or an array of nodes', cluster);
  return { mode: 'cluster' as const, nodes: readNodes(cluster, join(at, 'cluster'), 6379) };
}

function readNodes(value: unknown, at: string, defaultPort: number) {
  const items = elements(value, at, NODES_MAX_LENGTH);
  if (items.length === 0) throw invalid(at, 'at least one node', value);
  return items.map((item, index) => {
    const path = `${at}[${index}]`;
    const source = object(item, path);
    return {
      host: filled(own(source, 'host', path), `${path}.host`, NAME_MAX_BYTES),
      port: readPort(own(source, 'port', path), `${path}.port`) ?? defaultPort,
    };
  });
}

function filled(value: unknown, at: string, maxBytes: number): string {
  const given = text(value, at, maxBytes, 'well-formed');
  if (given === '') throw invalid(at, 'a string that is not empty', given);
  return given;
}

function readPort(value: unknown, at: string): number | undefined {
  return value === undefined ? undefined : integer(value, at, 1, 65_535);
}

function readBusyPoll(value: unknown, at: string): number | undefined {
  return value === undefined ? undefined : integer(value, at, 0, BUSY_POLL_MAX_US);
}

function runsOnLibuv(): boolean {
  const { uv, bun } = process.versions as { uv?: string; bun?: string };
  return uv !== undefined && bun === undefined;
}

function readFlag(value: unknown, at: string): boolean | undefined {
  return value === undefined ? undefined : boolean(value, at);
}

function readDb(value: unknown, at: string): number | undefined {
  return value === undefined ? undefined : integer(value, at, 0, DB_MAX);
}

function readPrefix(value: unknown, at: string, mode: string): string {
  if (value === undefined) return 'orchestrator';
  const prefix = text(value, at, NAME_MAX_BYTES, 'well-formed');
  // Braces in the prefix would be taken for the hash tag that keeps an orchestrator in one slot.
  if (mode === 'cluster' && /[{}]/.test(prefix)) throw invalid(at, 'no braces, with a cluster', prefix);
  return prefix;
}
