import { inFlight, oneAtATime } from '../harness/in-flight.mjs';
import { openLimiter } from '../harness/product.mjs';
import { REQUEST } from '../harness/request.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { openBottlenecks } from '../peers/bottleneck.mjs';
import { memoryUnion } from '../peers/rate-limiter-union.mjs';

export const title = 'Three limits in this process, awaited one by one';

const WIDTH = 100;

export async function run({ rounds, scale, withProduct }) {
  const contestant = (count, { name, operation, each }) => ({
    name,
    operation,
    count,
    turn: turnCount => oneAtATime(turnCount, each),
  });
  // Counters and reservoirs cost the same however much they have counted: one state serves all turns.
  const { union, amounts, settled } = memoryUnion();
  const bottlenecks = openBottlenecks();
  // It waits for a timer between two jobs, in which others may pass: alone it is four times slower than in a crowd.
  const crowd = ({ name, operation, each }) => ({
    name: `${name}, ${WIDTH} in flight`,
    operation,
    count: scale(500),
    turn: turnCount => inFlight(turnCount, WIDTH, each),
  });
  const peers = {
    union: contestant(scale(50_000), union),
    amounts: contestant(scale(50_000), amounts),
    settled: contestant(scale(50_000), settled),
    chained: crowd(bottlenecks.chained),
    lone: crowd(bottlenecks.lone),
    alone: contestant(scale(100), bottlenecks.chained),
  };

  const limiter = withProduct ? openLimiter({ name: 'bench' }) : null;
  const { inputTokens, maxOutputTokens, outputTokens } = REQUEST;
  const ours = withProduct
    ? contestant(scale(50_000), {
        name: 'acquire + settle',
        operation: 'acquire({ inputTokens, maxOutputTokens }), then settle({ inputTokens, outputTokens })',
        each: async () => {
          const permit = await limiter.acquire({ inputTokens, maxOutputTokens });
          await permit.settle({ inputTokens, outputTokens });
        },
      })
    : null;

  const all = [...Object.values(peers), ...(ours ? [ours] : [])];
  const samples = await measureRounds(all, { rounds });
  await Promise.all([bottlenecks.close(), limiter?.close()]);
  const against = (peer, reach = null) =>
    ratio(`acquire + settle : ${peer.name}`, ours, peer, samples, 'throughput', { reach });
  return {
    measured: [
      ...all.map(each => measured(each, samples, 'throughput')),
      ...all.map(each => measured(each, samples, 'latency')),
    ],
    ratios: ours
      ? [
          against(peers.union, { atLeast: 1 }),
          against(peers.amounts),
          against(peers.settled),
          against(peers.chained, { atLeast: 10 }),
          against(peers.lone),
          against(peers.alone),
        ]
      : [],
    notes: [
      'A union takes one number of points from all of its limiters, and gives nothing back; ours takes three amounts or nothing, and corrects them.',
      'The peers keep fixed windows; ours are rolling.',
    ],
  };
}
