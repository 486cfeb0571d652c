import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimiter } from 'limiter';
import PQueue from 'p-queue';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { openReservoir } from './bottleneck.mjs';
import { openIoredis } from './ioredis.mjs';

const RETRY_MS = 1;

/**
 * Libraries that admit `limit` in a second, each set up as its documentation says for "so many a second":
 * `admit()` resolves when one more may go.
 */
export const WINDOW_PEERS = [
  {
    name: 'rate-limiter-flexible in memory',
    setUp: limit => `RateLimiterMemory({ points: ${limit}, duration: 1 }), asked again every ms`,
    open: async limit => {
      const limiter = new RateLimiterMemory({ points: limit, duration: 1 });
      return { admit: signal => untilConsumed(limiter, signal) };
    },
  },
  {
    name: 'rate-limiter-flexible on Redis',
    setUp: limit => `RateLimiterRedis({ points: ${limit}, duration: 1 }), asked again every ms`,
    open: async (limit, server) => {
      const storeClient = await openIoredis(server);
      const limiter = new RateLimiterRedis({ storeClient, points: limit, duration: 1 });
      return { admit: signal => untilConsumed(limiter, signal), close: () => storeClient.quit() };
    },
  },
  {
    name: 'bottleneck',
    setUp: limit => `reservoir of ${limit}, refreshed every second`,
    open: async limit => openReservoir(limit, 1000),
  },
  {
    name: 'p-queue',
    setUp: limit => `{ interval: 1000, intervalCap: ${limit} }`,
    open: async limit => openQueue({ interval: 1000, intervalCap: limit }),
  },
  {
    name: 'p-queue, strict',
    setUp: limit => `{ interval: 1000, intervalCap: ${limit}, strict: true }`,
    open: async limit => openQueue({ interval: 1000, intervalCap: limit, strict: true }),
  },
  {
    name: 'limiter',
    setUp: limit => `RateLimiter({ tokensPerInterval: ${limit}, interval: 'second' })`,
    open: async limit => {
      const limiter = new RateLimiter({ tokensPerInterval: limit, interval: 'second' });
      return { admit: () => limiter.removeTokens(1) };
    },
  },
];

function openQueue(options) {
  const queue = new PQueue(options);
  return { admit: () => queue.add(() => {}), close: async () => queue.clear() };
}

/** It refuses instead of waiting; whoever wants to wait asks again. */
async function untilConsumed(limiter, signal) {
  while (!signal.aborted) {
    try {
      return await limiter.consume('key', 1);
    } catch (refused) {
      if (refused instanceof Error) throw refused;
      await sleep(RETRY_MS);
    }
  }
}
