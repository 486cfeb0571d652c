import { once } from 'node:events';
import Redis, { type Cluster, type RedisOptions } from 'ioredis';

/** A plain client to look into a server with; `endClient` it. It gives up at once and prints nothing. */
export function connectClient(options: RedisOptions): Redis {
  const redis = new Redis({
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    disconnectTimeout: 20,
    ...options,
  });
  redis.on('error', () => {});
  return redis;
}

const CLOSE_PATIENCE_MS = 1_000;

/** Ends a client and waits until its socket is closed, so that nothing is left open after a test. */
export async function endClient(redis: Redis | Cluster): Promise<void> {
  // Between two connections there is no socket, and `end` does not come.
  const open = redis.status !== 'end' && redis.status !== 'reconnecting';
  const ended = open && once(redis, 'end', { signal: AbortSignal.timeout(CLOSE_PATIENCE_MS) });
  redis.disconnect();
  await Promise.resolve(ended).catch(() => {});
}
