'use strict';

// Scenarios with worker threads, for `lifecycle/threads.test.ts`: `node threads.cjs <scenario> [port]`
// writes one line of JSON and ends by itself. Without a port: in memory; `disk:<path>`: on disk.
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { once } = require('node:events');
const { TokenBudgetTracker } = require('../../dist/index.js');

const usage = (totalTokens, orchestratorId = 'shared') => ({
  orchestratorId,
  sessionId: 's',
  timestamp: new Date(),
  promptTokens: 0,
  completionTokens: 0,
  totalTokens,
  model: 'm',
});

/** `port`, or `port/io-thread`. */
const redisAt = text => {
  const [port, home] = text.split('/');
  return { host: '127.0.0.1', port: Number(port), ioThread: home === 'io-thread' };
};

const storeAt = port => {
  if (!port) return { memory: { name: 'threads' } };
  return port.startsWith('disk:') ? { storage: port.slice('disk:'.length) } : { redis: redisAt(port) };
};

const configFor = (port, more = {}) => ({
  defaultBudget: { hourly: 10_000 },
  commandTimeout: 10_000,
  ...storeAt(port),
  ...more,
});

const THREADS = {
  /** Reserves until nothing fits, and settles every other one. */
  async reserve({ port }) {
    const tracker = new TokenBudgetTracker(configFor(port));
    const results = await Promise.all(Array.from({ length: 400 }, () => tracker.reserveTokens('shared', 10)));
    const ids = results.flatMap(({ reservationId }) => reservationId ?? []);
    await Promise.all(ids.filter((_, at) => at % 2 === 0).map(id => tracker.releaseReservation(id, 4)));
    parentPort.postMessage({ granted: ids.length, settled: ids.filter((_, at) => at % 2 === 0).length });
  },
  /** One operation, nothing closed. */
  async touch({ port }) {
    const tracker = new TokenBudgetTracker(configFor(port));
    await tracker.trackUsage(usage(1));
    parentPort.postMessage('done');
  },
  /** Never stops calling: it is terminated. */
  async flood({ port }) {
    const tracker = new TokenBudgetTracker(configFor(port, { defaultBudget: {} }));
    await tracker.ready();
    parentPort.postMessage('flooding');
    for (;;) {
      await Promise.all(Array.from({ length: 200 }, () => tracker.trackUsage(usage(1, 'flooded'))));
    }
  },
  /** Its calls are never answered: the server is paused. */
  async hang({ port }) {
    const tracker = new TokenBudgetTracker(configFor(port));
    tracker.checkBudget('shared', 1).catch(() => {});
    parentPort.postMessage('hanging');
  },
};

const thread = (what, port) => new Worker(__filename, { workerData: { what, port } });

async function ended(worker) {
  const [code] = await once(worker, 'exit');
  return code;
}

const SCENARIOS = {
  async share(port) {
    const main = new TokenBudgetTracker(configFor(port));
    await main.ready();
    const workers = Array.from({ length: 8 }, () => thread('reserve', port));
    const answers = await Promise.all(
      workers.map(async worker => {
        const [[message], code] = await Promise.all([once(worker, 'message'), ended(worker)]);
        return { ...message, code };
      }),
    );
    const sum = key => answers.reduce((total, answer) => total + answer[key], 0);
    const { totalUsed, reservedTokens, activeReservations } = await main.getUsageStats('shared');
    return {
      codes: answers.map(({ code }) => code),
      granted: sum('granted'),
      settled: sum('settled'),
      totalUsed,
      reservedTokens,
      activeReservations,
    };
  },
  async terminate(port) {
    const main = new TokenBudgetTracker(configFor(port));
    await main.ready();
    for (let round = 0; round < 5; round++) {
      const workers = Array.from({ length: 3 }, () => thread('flood', port));
      await Promise.all(workers.map(worker => once(worker, 'message')));
      await Promise.all(workers.map(worker => worker.terminate()));
      await main.trackUsage(usage(1));
    }
    return { totalUsed: (await main.getUsageStats('shared')).totalUsed };
  },
  async comeAndGo(port) {
    const main = new TokenBudgetTracker(configFor(port));
    await main.ready();
    let bad = 0;
    const codes = new Set();
    for (let round = 0; round < 25; round++) {
      const workers = Array.from({ length: 8 }, () => thread('touch', port));
      for (const worker of workers) worker.on('error', () => bad++);
      for (const code of await Promise.all(workers.map(ended))) codes.add(code);
    }
    return { bad, codes: [...codes], totalUsed: (await main.getUsageStats('shared')).totalUsed };
  },
  async hang(port) {
    const worker = thread('hang', port);
    await once(worker, 'message');
    return { code: await worker.terminate() };
  },
};

if (isMainThread) {
  const [scenario, port] = process.argv.slice(2);
  SCENARIOS[scenario](port).then(answer => console.log(JSON.stringify(answer)));
} else {
  THREADS[workerData.what](workerData);
}
