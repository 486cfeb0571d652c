import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { LIMIT_TOKENS } from '../harness/usage.mjs';
import { openIoredis } from './ioredis.mjs';

// One window, as long as our shortest.
const LIMITS = { points: LIMIT_TOKENS, duration: 3600 };

/**
 * rate-limiter-flexible on a server, in every way its documentation offers that might be the fastest
 * on this machine: its wiki's own example (ioredis without offline queue), the same with ioredis'
 * automatic pipelines, and node-redis. Figures compare with the fastest of them.
 */
export async function openRedisLimiters(server) {
  const plain = await openIoredis(server);
  const pipelined = await openIoredis(server, { enableAutoPipelining: true });
  const nodeRedis = createClient({
    socket: { host: server.host, port: server.port },
    disableOfflineQueue: true,
  });
  await nodeRedis.connect();
  for (const client of [plain, pipelined]) client.options.enableOfflineQueue = false;
  const limiter = (storeClient, options = {}) => new RateLimiterRedis({ ...LIMITS, storeClient, ...options });
  return {
    variants: [
      { name: 'rate-limiter-flexible, ioredis', limiter: limiter(plain) },
      { name: 'rate-limiter-flexible, ioredis autopipelining', limiter: limiter(pipelined) },
      { name: 'rate-limiter-flexible, node-redis', limiter: limiter(nodeRedis, { useRedisPackage: true }) },
    ],
    close: () => Promise.all([plain.quit(), pipelined.quit(), nodeRedis.close()]),
  };
}

/** rate-limiter-flexible in this process's memory. */
export function memoryLimiter() {
  return new RateLimiterMemory(LIMITS);
}
