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
// A turn in which anything took longer to arrive shows little, and is done again.
const LATE_MAX_MS = 50;
const TRIES_MAX = 4;

let opened = 0;
const OURS = [
  ['ours in this process', () => ({})],
  ['ours on Redis', ({ host, port }) => ({ redis: { host, port } })],
].map(([name, store]) => ({
  name,
  setUp: limit => `new RateLimitManager({ limits: { rps: ${limit} }, margin 0, no pacing })`,
  open: async (limit, server) => {
    // Limiters of one name share what they know.
    const limiter = openLimiter({ name: `window-${opened++}`, limits: { rps: limit }, ...store(server) });
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

async function quietTurn(open, redis) {
  for (let tries = 1; ; tries++) {
    await rehearse(open, redis);
    await redis.flush();
    const subject = await open(LIMIT, redis);
    const turn = await admissionsUnderPressure(subject.admit, () => redis.client.ping());
    await subject.close?.();
    if (turn.lateMs <= LATE_MAX_MS || tries === TRIES_MAX) return turn;
  }
}

/** So that no first call is compiled, and noticed late, while it counts. */
async function rehearse(open, redis) {
  const subject = await open(LIMIT, redis);
  const { signal } = new AbortController();
  for (let call = 0; call < LIMIT; call++) await subject.admit(signal);
  await subject.close?.();
}

export async function run({ redis, rounds, withProduct }) {
  const contestants = [...(withProduct ? OURS : []), ...WINDOW_PEERS];
  const most = new Map(contestants.map(({ name }) => [name, []]));
  const all = new Map(contestants.map(({ name }) => [name, []]));
  const late = [];
  for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
    for (const { name, open } of contestants) {
      const { instants, lateMs } = await quietTurn(open, redis);
      late.push(lateMs);
      most.get(name).push(mostWithin(instants, WINDOW_MS, lateMs));
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
      'One call, then none for 0.9 s, then more than can be admitted for 2.2 s.',
      `Admissions are taken down where they arrive, after up to ${Math.max(...late).toFixed(0)} ms (the longest of each turn is taken off its second; turns above ${LATE_MAX_MS} ms were done again).`,
      'Whoever admits as much as the limit allows and no more admits 150 or 151 in the whole turn.',
    ],
  };
}
