import { inFlight } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { best, measured, ratio } from '../harness/rows.mjs';
import { orchestrators, TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { openRedisLimiters } from '../peers/rate-limiter.mjs';

export const title = 'trackUsage, 1,000 in flight on Redis, one process';

const WIDTH = 1000;
export async function run(context) {
  const one = await measureWith(context, 1, { atLeast: 5 });
  const many = await measureWith(context, 100, { atLeast: 2 });
  return {
    measured: [...one.measured, ...many.measured],
    ratios: [...one.ratios, ...many.ratios],
    notes: [
      'Rows with a requestId do more than the peers do: every usage is also remembered so that it counts once.',
    ],
  };
}

/** All sides use `orchestratorCount` keys in turns; the server is empty before every turn. */
async function measureWith({ redis, rounds, scale, withProduct }, orchestratorCount, reach) {
  const ids = orchestrators(orchestratorCount);
  const id = index => ids[index % orchestratorCount];
  const words = orchestratorCount === 1 ? '1 orchestrator' : `${orchestratorCount} orchestrators`;
  const contestant = (name, operation, count, each) => ({
    name: `${name}, ${words}`,
    operation,
    count,
    redis,
    turn: turnCount => inFlight(turnCount, WIDTH, each),
  });

  const limiters = await openRedisLimiters(redis);
  const peers = limiters.variants.map(({ name, limiter }) =>
    contestant(name, `consume(key, ${TOKENS_PER_CALL})`, scale(10_000), i =>
      limiter.consume(id(i), TOKENS_PER_CALL),
    ),
  );

  const trackers = withProduct
    ? [
        await openTracker(redis),
        await openTracker(redis, { historyLimit: 0 }),
        await openTracker(redis, { historyLimit: 100 }),
      ]
    : [];
  const [tracker, bare, full] = trackers;
  const track = (name, operation, to, fields) =>
    contestant(name, operation, scale(50_000), i => to.trackUsage(usage(id(i), i, fields)));
  const ours = withProduct
    ? [
        track('trackUsage', 'trackUsage(usage), required fields', tracker),
        track('trackUsage, historyLimit 0', 'trackUsage(usage), no history kept', bare),
        track('trackUsage, historyLimit 100', 'trackUsage(usage), a history that is always full', full),
        track('trackUsage, requestId', 'trackUsage(usage) with a new requestId each', tracker, {
          withRequestId: true,
        }),
        track(
          'trackUsage, requestId and metadata',
          'trackUsage(usage), the whole example of the document',
          tracker,
          {
            withRequestId: true,
            withMetadata: true,
          },
        ),
      ]
    : [];

  const beforeTurn = redis.flush;
  const all = [...peers, ...ours];
  const samples = await measureRounds(all, { rounds, beforeTurn });
  await Promise.all([limiters.close(), ...trackers.map(each => each.close())]);

  const fastest = best(peers, samples, 'throughput');
  return {
    measured: [
      ...all.map(each => measured(each, samples, 'throughput')),
      ...all.map(each => measured(each, samples, 'server')),
    ],
    ratios: [
      ...ours.map((each, index) =>
        ratio(`${each.name} : ${fastest.name}`, each, fastest, samples, 'throughput', {
          reach: index === 0 ? reach : null,
        }),
      ),
    ],
  };
}
