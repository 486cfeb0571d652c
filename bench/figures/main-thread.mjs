import { mainThreadSource } from '../harness/cpu.mjs';
import { inFlight } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { orchestrators, TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { openNodeRedis } from '../peers/node-redis.mjs';

export const title = 'CPU of the thread that runs JavaScript, 1,000 in flight on Redis';

const WIDTH = 1000;
const ORCHESTRATOR_COUNTS = [1, 100];

/** What an operation takes away from the application's own JavaScript. */
export async function run({ redis, rounds, scale, withProduct }) {
  const nodeRedis = await openNodeRedis(redis);
  const tracker = withProduct ? await openTracker(redis) : null;
  const result = { measured: [], ratios: [], notes: [notes()] };
  for (const orchestratorCount of ORCHESTRATOR_COUNTS) {
    const ids = orchestrators(orchestratorCount);
    const id = index => ids[index % orchestratorCount];
    const contestant = (name, operation, each) => ({
      name: `${name}, ${orchestratorCount} ${orchestratorCount === 1 ? 'key' : 'keys'}`,
      operation,
      count: scale(50_000),
      redis,
      turn: count => inFlight(count, WIDTH, each),
    });
    const peer = contestant('node-redis script', `EVALSHA of one INCRBY by ${TOKENS_PER_CALL}`, i =>
      nodeRedis.add(id(i), TOKENS_PER_CALL),
    );
    const ours = withProduct
      ? [
          contestant('trackUsage', 'trackUsage(usage), required fields', i =>
            tracker.trackUsage(usage(id(i), i)),
          ),
          contestant('trackUsage, requestId', 'trackUsage(usage) with a new requestId each', i =>
            tracker.trackUsage(usage(id(i), i, { withRequestId: true })),
          ),
          contestant('checkBudget', `checkBudget(id, ${TOKENS_PER_CALL})`, i =>
            tracker.checkBudget(id(i), TOKENS_PER_CALL),
          ),
        ]
      : [];
    const all = [peer, ...ours];
    const samples = await measureRounds(all, { rounds, beforeTurn: redis.flush });
    result.measured.push(
      ...all.flatMap(each => ['mainThread', 'process'].map(kind => measured(each, samples, kind))),
    );
    result.ratios.push(
      ...ours.map((each, index) =>
        ratio(`${each.name} / node-redis script: main thread`, each, peer, samples, 'mainThread', {
          reach: index === 0 ? { atMost: 1 } : null,
        }),
      ),
      ...ours
        .slice(0, 1)
        .map(each =>
          ratio(`${each.name} / node-redis script: whole process`, each, peer, samples, 'process'),
        ),
    );
  }
  await Promise.all([nodeRedis.close(), tracker?.close()]);
  return result;
}

function notes() {
  return (
    `Main thread read from ${mainThreadSource ?? 'nothing: this system does not tell'}. Helpers of the ` +
    'garbage collector are not in it; they are in the whole process.'
  );
}
