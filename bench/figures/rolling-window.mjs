import { openLimiter } from '../harness/product.mjs';
import { ratioRow } from '../harness/rows.mjs';
import { summarize } from '../harness/statistics.mjs';
import { admissionsUnderPressure, mostWithin } from '../harness/windows.mjs';
import { WINDOW_PEERS } from '../peers/windows.mjs';

export const title = 'At most 50 a second: the most that was admitted in any second';

const LIMIT = 50;
const WINDOW_MS = 1000;
// It takes three seconds each, and what it shows does not hang on the machine's mood.
const ROUNDS_MAX = 5;

const OURS = [
  ['ours in this process', () => ({})],
  ['ours on Redis', ({ host, port }) => ({ redis: { host, port } })],
].map(([name, store]) => ({
  name,
  setUp: limit => `new RateLimitManager({ limits: { rps: ${limit} }, margin 0, no pacing })`,
  open: async (limit, server) => {
    const limiter = openLimiter({ name: 'window', limits: { rps: limit }, ...store(server) });
    await limiter.ready();
    return {
      admit: async signal => {
        const permit = await limiter.acquire({ signal });
        // Not awaited: who settles is not who waits.
        permit.settle({ inputTokens: 0, outputTokens: 0 }).catch(() => {});
      },
      close: () => limiter.close(),
    };
  },
}));

export async function run({ redis, rounds, withProduct }) {
  const contestants = [...(withProduct ? OURS : []), ...WINDOW_PEERS];
  const most = new Map(contestants.map(({ name }) => [name, []]));
  const all = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
    for (const { name, open } of contestants) {
      await redis.flush();
      const subject = await open(LIMIT, redis);
      const instants = await admissionsUnderPressure(subject.admit);
      await subject.close?.();
      most.get(name).push(mostWithin(instants, WINDOW_MS));
      all.get(name).push(instants.length);
    }
  }
  const row = (name, of, operation, values) => ({
    name,
    of,
    operation,
    operationsPerTurn: 1,
    unit: '',
    ...summarize(values),
    note: '',
  });
  return {
    measured: [
      ...contestants.map(each => row(each.name, 'most in a second', each.setUp(LIMIT), most.get(each.name))),
      ...contestants.map(each =>
        row(each.name, 'admitted in the whole turn', each.setUp(LIMIT), all.get(each.name)),
      ),
    ],
    ratios: contestants.map(({ name }) => {
      const ratios = most.get(name).map(admitted => admitted / LIMIT);
      const isOurs = OURS.some(ours => ours.name === name);
      return ratioRow(`${name}: most / limit`, name, 'limit', ratios, {
        reach: isOurs ? { atMost: 1 } : null,
      });
    }),
    notes: [
      'One call, then none for 0.9 s, then more than can be admitted for 2.2 s; admissions are taken down where they arrive.',
      'Whoever admits as much as the limit allows and no more admits 150 or 151 in the whole turn.',
    ],
  };
}
