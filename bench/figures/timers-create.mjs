import { inFlight } from '../harness/in-flight.mjs';
import { openCoordinator } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { best, measured, ratio } from '../harness/rows.mjs';
import { BULK, jobDue, openQueue } from '../peers/bullmq.mjs';

export const title = 'Creating timers, 1,000 in flight on Redis, one process';

const WIDTH = 1000;
// None is due before its turn is over.
const HOUR_MS = 3_600_000;

export async function run({ redis, rounds, scale, withProduct }) {
  // The same for all: a set that has grown costs more.
  const count = scale(20_000);
  const queue = await openQueue(redis);
  const pipelined = await openQueue(redis, { enableAutoPipelining: true });
  const coordinator = withProduct ? await openCoordinator(redis) : null;
  const contestant = (name, operation, turn) => ({ name, operation, count, redis, turn });
  const single = (name, operation, each) =>
    contestant(name, operation, turnCount => inFlight(turnCount, WIDTH, each));

  const add = (name, to) =>
    single(name, 'queue.add(name, data, { delay })', index =>
      to.add('job', payload(index), { delay: HOUR_MS }),
    );
  const adds = [add('BullMQ add', queue), add('BullMQ add, autopipelining', pipelined)];
  const bulk = contestant(
    'BullMQ addBulk',
    `queue.addBulk of ${BULK} jobs, two calls in flight; one job counts as one operation`,
    turnCount => addInBulk(queue, turnCount),
  );
  const ours = withProduct
    ? single(
        'timers.create',
        "timers.create({ name, duration: '1h' in ms, events: { on_expire: { data } } })",
        index =>
          coordinator.timers.create({
            name: 'job',
            duration: HOUR_MS,
            events: { on_expire: { data: payload(index) } },
          }),
      )
    : null;

  const all = [...adds, bulk, ...(ours ? [ours] : [])];
  const samples = await measureRounds(all, { rounds, beforeTurn: redis.flush });
  await Promise.all([queue.close(), pipelined.close(), coordinator?.close()]);

  const fastest = best(adds, samples, 'throughput');
  return {
    measured: ['throughput', 'server', 'mainThread'].flatMap(kind =>
      all.map(each => measured(each, samples, kind)),
    ),
    ratios: ours
      ? [
          ratio(`${ours.name} : ${fastest.name}`, ours, fastest, samples, 'throughput', {
            reach: { atLeast: 3 },
          }),
          ratio(`${ours.name} : ${bulk.name}`, ours, bulk, samples, 'throughput'),
          // What is spent, whoever else uses the machine.
          ratio(`${ours.name} / ${fastest.name}: server CPU`, ours, fastest, samples, 'server'),
          ratio(`${ours.name} / ${fastest.name}: main thread CPU`, ours, fastest, samples, 'mainThread'),
        ]
      : [],
    notes: [
      'addBulk is the fastest way BullMQ has, for callers that have many jobs at once; ours are created one by one.',
    ],
  };
}

async function addInBulk(queue, count) {
  await inFlight(Math.ceil(count / BULK), 2, index => {
    const nowMs = Date.now();
    const jobs = Math.min(BULK, count - index * BULK);
    return queue.addBulk(
      Array.from({ length: jobs }, (_, job) => jobDue(payload(index * BULK + job), nowMs + HOUR_MS, nowMs)),
    );
  });
}

function payload(index) {
  return { orchestratorId: `orchestrator-${index % 100}`, action: 'resume', index };
}
