import { RateLimiterMemory, RateLimiterRedis, RateLimiterUnion } from 'rate-limiter-flexible';
import { createClient } from 'redis';
import { NEVER_REACHED, REQUEST } from '../harness/request.mjs';
import { openIoredis } from './ioredis.mjs';

const MINUTE_S = 60;

/**
 * Three limits of a minute at once. A union takes the same number of points from each of its limiters: it can't be told
 * that a request is one request, but a hundred tokens. It is measured as it is, with one point, which is
 * the least it can do; and beside it three limiters that are asked at once, each for its own amount, which
 * is what a user of the library has to write. Neither settles: what is used less than expected is only given
 * back where `reward` is called, which the last variant does.
 */
function variantsOf(name, limiterFor) {
  const [requests, input, output] = ['rpm', 'itpm', 'otpm'].map(keyPrefix =>
    limiterFor({ keyPrefix, points: NEVER_REACHED[keyPrefix], duration: MINUTE_S }),
  );
  const union = new RateLimiterUnion(requests, input, output);
  const unused = REQUEST.maxOutputTokens - REQUEST.outputTokens;
  const consumeAll = () =>
    Promise.all([
      requests.consume('key', 1),
      input.consume('key', REQUEST.inputTokens),
      output.consume('key', REQUEST.maxOutputTokens),
    ]);
  return {
    union: {
      name: `${name}, union`,
      operation: 'union.consume(key, 1) of three limiters',
      each: () => union.consume('key', 1),
    },
    amounts: {
      name: `${name}, own amounts`,
      operation: 'consume(key, amount) of three limiters at once',
      each: consumeAll,
    },
    settled: {
      name: `${name}, own amounts, given back`,
      operation: 'the same, then reward(key, unused) of one',
      each: async () => {
        await consumeAll();
        await output.reward('key', unused);
      },
    },
  };
}

/** In this process's memory; a fresh state for each call. */
export function memoryUnion() {
  return variantsOf('rate-limiter-flexible', options => new RateLimiterMemory(options));
}

/**
 * On a server, by each client that its documentation offers, for which is the fastest depends on the machine. The three
 * commands of a union leave in one packet with automatic pipelines and node-redis.
 */
export async function openRedisUnions(server) {
  const plain = await openIoredis(server);
  const pipelined = await openIoredis(server, { enableAutoPipelining: true });
  const nodeRedis = createClient({
    socket: { host: server.host, port: server.port },
    disableOfflineQueue: true,
  });
  await nodeRedis.connect();
  for (const client of [plain, pipelined]) client.options.enableOfflineQueue = false;
  const over = (name, storeClient, more = {}) =>
    variantsOf(name, options => new RateLimiterRedis({ ...options, storeClient, ...more }));
  return {
    variants: [
      over('rate-limiter-flexible, ioredis', plain),
      over('rate-limiter-flexible, ioredis autopipelining', pipelined),
      over('rate-limiter-flexible, node-redis', nodeRedis, { useRedisPackage: true }),
    ],
    close: () => Promise.all([plain.quit(), pipelined.quit(), nodeRedis.close()]),
  };
}
