import { Queue, Worker } from 'bullmq';

const NAME = 'bench';
// Nothing is kept of jobs that are done: the least it can do.
const KEEPS_NOTHING = { removeOnComplete: true, removeOnFail: true };
/** Of a worker: its documentation advises 100 to 300 for jobs that wait; with fewer it is less late at times. */
export const CONCURRENCIES = [20, 200];
/** Jobs in one call of `addBulk`; two calls are under way at a time. */
export const BULK = 500;

/** A queue, connected. `connection`: options of ioredis, such as `enableAutoPipelining`. */
export async function openQueue({ host, port }, connection = {}) {
  const queue = new Queue(NAME, {
    connection: { host, port, ...connection },
    defaultJobOptions: KEEPS_NOTHING,
  });
  await queue.waitUntilReady();
  return queue;
}

/** A worker whose jobs do nothing but call `onJob(data)`, connected. */
export async function openWorker({ host, port }, concurrency, onJob) {
  const worker = new Worker(NAME, async job => onJob(job.data), {
    connection: { host, port, maxRetriesPerRequest: null },
    concurrency,
  });
  // Told of, else it would end the process; what was not fired is seen by who counts.
  worker.on('error', () => {});
  await worker.waitUntilReady();
  return worker;
}

/** A job that is due at `dueMs`, to the millisecond: it counts its delay from its time stamp. */
export function jobDue(data, dueMs, nowMs = Date.now()) {
  return { name: 'job', data, opts: { timestamp: nowMs, delay: Math.max(0, dueMs - nowMs) } };
}
