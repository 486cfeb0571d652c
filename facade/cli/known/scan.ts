/**
 * Who has a budget on a server. Trackers never walk over keys; a person who asks for a list does, in steps that
 * hold nobody up, and only here. One server can be walked over, not the nodes of a cluster.
 */
import { readRedis } from '../../config/redis';
import { decodeIdentifier } from '../../native';
import type { RedisOptions } from '../../types/config';
import { type Reply, RespClient } from './resp';

const KEYS_PER_STEP = 1000;
export const NAMES_MAX = 10_000;

export interface Scanned {
  names: string[];
  /** Whether all keys were seen. */
  complete: boolean;
}

/**
 * `null`: it is a cluster or behind Sentinel, and cannot be asked. After `timeoutMs` those found so far. Rejects when
 * the server does.
 */
export async function scanOrchestrators(options: RedisOptions, timeoutMs: number): Promise<Scanned | null> {
  const redis = readRedis(options, 'redis');
  const [node] = redis.nodes;
  if (redis.mode !== 'standalone' || node === undefined) return null;
  const signal = AbortSignal.timeout(timeoutMs);
  const client = new RespClient({ host: node.host, port: node.port, tls: redis.tls ?? null }, signal);
  const names = new Set<string>();
  try {
    if (redis.password !== undefined) {
      await client.command('AUTH', ...(redis.username ? [redis.username] : []), redis.password);
    }
    if (redis.db !== 0) await client.command('SELECT', String(redis.db));
    const begin = `${redis.keyPrefix}:budget:`;
    let cursor = '0';
    do {
      const reply = await client.command(
        ...['SCAN', cursor, 'MATCH', `${globOf(begin)}*`, 'COUNT', String(KEYS_PER_STEP)],
      );
      const [next, keys] = reply as [string, Reply[]];
      cursor = next;
      for (const key of keys) {
        const name = nameIn(String(key), begin);
        if (name !== null) names.add(name);
        if (names.size >= NAMES_MAX) return { names: [...names].sort(), complete: false };
      }
    } while (cursor !== '0');
    return { names: [...names].sort(), complete: true };
  } catch (error) {
    // Of a server with very many keys: those that were found are better than none.
    if (signal.aborted && names.size > 0) return { names: [...names].sort(), complete: false };
    throw error;
  } finally {
    client.close();
  }
}

/** `<prefix>:budget:<id>:...`; what belongs to all of a prefix has no further part. */
export function nameIn(key: string, begin: string): string | null {
  if (!key.startsWith(begin)) return null;
  const end = key.indexOf(':', begin.length);
  return end === -1 ? null : decodeIdentifier(key.slice(begin.length, end));
}

function globOf(text: string): string {
  return text.replace(/[\\*?[\]^]/g, found => `\\${found}`);
}
