import { inFlight } from '../harness/in-flight.mjs';
import { latenessTurn } from '../harness/lateness.mjs';
import { openCoordinator } from '../harness/product.mjs';
import { ratioRow } from '../harness/rows.mjs';
import { measureServerClock } from '../harness/server-clock.mjs';
import { median, summarize } from '../harness/statistics.mjs';
import { BULK, CONCURRENCIES, jobDue, openQueue } from '../peers/bullmq.mjs';

export const title = 'Lateness of timers that are due, one process that fires them';

const COUNT = 10_000;
const WIDTH = 1000;
const LOADS = [
  { words: 'within 10 s', periodMs: 10_000 },
  { words: 'within 1 s', periodMs: 1000 },
  { words: 'at one instant', periodMs: 0 },
];
// Real time passes; a turn takes up to 15 s of it.
const ROUNDS_MAX = 5;
// Time to create them all, doubled when that took longer.
const LEAD_MS = 3000;
const LEAD_MAX_MS = 60_000;

const LATENESS = [
  ['p50', 'p50Ms'],
  ['p99', 'p99Ms'],
  ['longest', 'maxMs'],
];

export async function run({ redis, rounds, scale, withProduct }) {
  const queue = await openQueue(redis);
  // Creates only: timers fire in a process of their own, on either side.
  const coordinator = withProduct ? await openCoordinator(redis, { run: false }) : null;
  const peers = CONCURRENCIES.map(concurrency => ({
    name: `BullMQ, concurrency ${concurrency}`,
    side: 'bullmq',
    concurrency,
    operation: 'delayed jobs added with addBulk ahead; a Worker whose job does nothing',
    create: dues => createJobs(queue, dues),
  }));
  const sides = [...(coordinator ? [oursOf(coordinator)] : []), ...peers];
  const count = scale(COUNT);
  const result = { measured: [], ratios: [], notes: [] };
  let errorMs = 0;
  for (const load of LOADS) {
    const turns = await measureLoad(sides, { ...load, count, rounds: Math.min(rounds, ROUNDS_MAX), redis });
    errorMs = Math.max(errorMs, ...[...turns.values()].flat().map(turn => turn.errorMs));
    report(result, sides, turns, { ...load, count });
  }
  await Promise.all([queue.close(), coordinator?.close()]);
  result.notes.push(
    `By the clock of the server, which the firing process knew to within ${errorMs.toFixed(2)} ms at worst; lateness is when the listener, or the job, was called.`,
    'The first turn of each side and load is not counted. Created ahead by another process than the one that fires.',
    'Fired a second: how many, from the first due to the last called. Within a period it cannot be more than what is due.',
  );
  return result;
}

function oursOf(coordinator) {
  return {
    name: 'ours',
    side: 'ours',
    operation: "timers.create({ fireAt }) ahead; a coordinator with a listener of 'timer:expired'",
    create: dues =>
      inFlight(dues.length, WIDTH, index =>
        coordinator.timers.create({
          name: 'job',
          fireAt: dues[index],
          events: { on_expire: { data: { index, dueMs: dues[index] } } },
        }),
      ),
  };
}

async function createJobs(queue, dues) {
  await inFlight(Math.ceil(dues.length / BULK), 2, part => {
    const nowMs = Date.now();
    const jobs = dues.slice(part * BULK, (part + 1) * BULK);
    return queue.addBulk(jobs.map((dueMs, job) => jobDue({ index: part * BULK + job, dueMs }, dueMs, nowMs)));
  });
}

/** Sides take turns, each as often the first. Resolves with a `Map` from name to one turn per round. */
async function measureLoad(sides, { redis, rounds, ...load }) {
  const turns = new Map(sides.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const first = Math.abs(round) % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
      const turn = await turnOf(side, load, redis);
      if (round >= 0) turns.get(side.name).push(turn);
    }
  }
  return turns;
}

async function turnOf({ side, concurrency, create }, load, redis) {
  for (let leadMs = LEAD_MS; leadMs <= LEAD_MAX_MS; leadMs *= 2) {
    await redis.flush();
    globalThis.gc?.();
    const { offsetMs } = await measureServerClock(redis.client);
    const nowMs = () => performance.now() + offsetMs;
    const turn = await latenessTurn({ side, concurrency, server: redis, nowMs, create, leadMs, ...load });
    if (turn !== null) return turn;
  }
  throw new Error(`${side}: they could not be created within ${LEAD_MAX_MS} ms`);
}

function report({ measured, ratios }, sides, turns, { words, count }) {
  const values = (name, key) => turns.get(name).map(turn => turn[key]);
  const row = (side, of, unit, key) => ({
    name: `${side.name}, ${words}`,
    of,
    operation: side.operation,
    operationsPerTurn: count,
    unit,
    ...summarize(values(side.name, key)),
    note: '',
  });
  for (const side of sides) {
    measured.push(
      ...LATENESS.map(([of, key]) => row(side, of, 'ms', key)),
      row(side, 'fired a second', '/s', 'perSecond'),
      row(side, 'lost', '', 'lost'),
      row(side, 'fired twice', '', 'twice'),
      row(side, 'earliest, before due', 'ms', 'earlyMs'),
    );
  }
  const ours = sides.find(({ side }) => side === 'ours')?.name;
  if (ours === undefined) return;
  // The peer at its best.
  const p99 = name => median(values(name, 'p99Ms'));
  const peer = sides
    .map(({ name }) => name)
    .filter(name => name !== ours)
    .reduce((left, right) => (p99(right) < p99(left) ? right : left));
  const against = (label, key, reach = null) => {
    const theirs = values(peer, key);
    const shares = values(ours, key).map((value, round) => value / theirs[round]);
    ratios.push(ratioRow(`${label}, ${words}: ours / ${peer}`, ours, peer, shares, { reach }));
  };
  against('p50', 'p50Ms');
  against('p99', 'p99Ms', { atMost: 1 });
  against('fired a second', 'perSecond');
  const wrong = turns.get(ours).map(turn => turn.lost + (turn.earlyMs > turn.errorMs ? 1 : 0));
  ratios.push(
    ratioRow(`ours, ${words}: lost, or early by more than the clock's error`, ours, '', wrong, {
      reach: { atMost: 0 },
    }),
  );
}
