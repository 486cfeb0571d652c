import { onCoresOfTheirOwn } from '../harness/cores.mjs';
import { inFlight, oneAtATime } from '../harness/in-flight.mjs';
import { openLimiter } from '../harness/product.mjs';
import { REQUEST } from '../harness/request.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { best, measured, ratio } from '../harness/rows.mjs';
import { openIoredis } from '../peers/ioredis.mjs';
import { openRedisUnions } from '../peers/rate-limiter-union.mjs';

export const title = 'Three limits on Redis, one key, one process';

const WIDTH = 1000;

export async function run(context) {
  const many = await measureWith(context, 'in flight', { reach: { atLeast: 2 } });
  const one = await measureWith(context, 'one at a time', { reach: null });
  return {
    measured: [...many.measured, ...one.measured],
    ratios: [...many.ratios, ...one.ratios],
    notes: [
      'acquire and settle are two round trips; the three commands of a union are one where its client pipelines them.',
      `One at a time: ${one.note}`,
    ],
  };
}

async function measureWith({ redis, rounds, scale, withProduct, pinned }, way, { reach }) {
  const isCrowd = way === 'in flight';
  const contestant = (count, { name, operation, each }) => ({
    name: isCrowd ? `${name}, 1,000 in flight` : `${name}, one at a time`,
    operation,
    count: isCrowd ? count * 10 : count,
    redis,
    turn: turnCount => (isCrowd ? inFlight(turnCount, WIDTH, each) : oneAtATime(turnCount, each)),
  });

  const ioredis = await openIoredis(redis);
  const ping = contestant(scale(1000), {
    name: 'ioredis PING',
    operation: 'ping(): one round trip, nothing done',
    each: () => ioredis.ping(),
  });
  const unions = await openRedisUnions(redis);
  const peers = unions.variants.map(({ union }) => contestant(scale(1000), union));
  const amounts = unions.variants.map(each => contestant(scale(1000), each.amounts));

  const limiter = withProduct
    ? openLimiter({ name: 'bench', redis: { host: redis.host, port: redis.port } })
    : null;
  await limiter?.ready();
  const { inputTokens, maxOutputTokens, outputTokens } = REQUEST;
  const ours = withProduct
    ? contestant(scale(1000), {
        name: 'acquire + settle',
        operation: 'acquire({ inputTokens, maxOutputTokens }), then settle({ inputTokens, outputTokens })',
        each: async () => {
          const permit = await limiter.acquire({ inputTokens, maxOutputTokens });
          await permit.settle({ inputTokens, outputTokens });
        },
      })
    : null;

  const all = [...(isCrowd ? [] : [ping]), ...peers, ...amounts, ...(ours ? [ours] : [])];
  const measure = () => measureRounds(all, { rounds, beforeTurn: redis.flush });
  // A crowd keeps both cores busy anyway.
  const { result: samples, note } = isCrowd
    ? { result: await measure(), note: '' }
    : await onCoresOfTheirOwn([redis], pinned, measure);
  await Promise.all([ioredis.quit(), unions.close(), limiter?.close()]);

  const kind = isCrowd ? 'throughput' : 'latency';
  const against = (peer, more = {}) =>
    ratio(`${ours.name} ${isCrowd ? ':' : '/'} ${peer.name}`, ours, peer, samples, kind, more);
  return {
    measured: [
      ...all.map(each => measured(each, samples, kind)),
      ...all.map(each => measured(each, samples, 'server')),
    ],
    ratios: ours
      ? [
          against(best(peers, samples, kind), { reach }),
          against(best(amounts, samples, kind)),
          ...(isCrowd ? [] : [against(ping)]),
        ]
      : [],
    note,
  };
}
