/** Threads of one process that share a limiter by the name of its store. */
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/rate-limit.js'));
const THREADS = 4;

/** Runs `body` in each thread, with `manager` at hand; answers what it posts. */
async function inThreads<T>(config: object, body: string): Promise<T[]> {
  const script = `
    const { RateLimitManager } = require(${ENTRY});
    const { parentPort } = require('node:worker_threads');
    const manager = new RateLimitManager(${JSON.stringify(config)});
    parentPort.on('message', async () => {
      ${body}
      parentPort.once('message', () => manager.close().then(() => parentPort.close()));
    });
    parentPort.postMessage('ready');`;
  const workers = Array.from({ length: THREADS }, () => new Worker(script, { eval: true }));
  const answer = (worker: Worker) =>
    new Promise<T>((done, failed) => {
      worker.once('message', done);
      worker.once('error', failed);
    });
  try {
    await Promise.all(workers.map(answer));
    const answers = Promise.all(workers.map(answer));
    for (const worker of workers) worker.postMessage('go');
    return await answers;
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()));
  }
}

test('together they get what the limit allows, not one more', async () => {
  const config = { limits: { rpm: 50 }, safety: { margin: 0 }, pacing: false, memory: { name: 'threads' } };
  const admitted = await inThreads<number>(
    config,
    `let admitted = 0;
     for (let n = 0; n < 100; n++) if ((await manager.tryAcquire()).permit !== null) admitted += 1;
     parentPort.postMessage(admitted);`,
  );
  expect(admitted.reduce((sum, count) => sum + count, 0)).toBe(50);
});

test('those who wait all get their turn, and no rolling second is exceeded', async () => {
  const config = { limits: { rps: 50 }, safety: { margin: 0 }, memory: { name: 'threads that wait' } };
  const admitted = await inThreads<number[]>(
    config,
    `const permits = await Promise.all(Array.from({ length: 40 }, () => manager.acquire()));
     parentPort.postMessage(permits.map(({ admittedAt }) => admittedAt.getTime()));`,
  );
  const at = admitted.flat().sort((a, b) => a - b);
  expect(at).toHaveLength(THREADS * 40);
  for (let index = 50; index < at.length; index++) {
    expect((at[index] ?? 0) - (at[index - 50] ?? 0)).toBeGreaterThan(1_000);
  }
  // Three more seconds after the first 50, and a little for looking whose turn it is.
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeLessThan(4_500);
});
