/** Timers and circuit breakers of one file, through restarts and kills. */
import { join } from 'node:path';
import { createTokenCoordinator } from '@wundr.io/token-budget/timers';
import { runProcess, type WorkerProcess } from '../support/process';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

let folder: TemporaryFolder;
let worker: WorkerProcess | undefined;

beforeAll(() => {
  folder = temporaryFolder('storage-coordinator');
});
afterAll(() => folder.remove());
afterEach(() => worker?.kill());

interface Firing {
  expired?: { id: string; deliveryId: string; scheduledFor: string };
  atMs: number;
}

function firings(process: WorkerProcess): Firing[] {
  const lines = process.output().split('\n');
  // The last one may be cut off.
  return lines.slice(0, -1).flatMap(line => {
    const said = JSON.parse(line) as Firing;
    return said.expired === undefined ? [] : [said];
  });
}

test('killed again and again while timers are due: each fires, none early, doubles carry the same id', async () => {
  const options = {
    storage: join(folder.path, 'killed.db'),
    connectTimeout: 20_000,
    commandTimeout: 20_000,
  };
  const created = new Map<string, number>();
  const fired: Firing[] = [];
  for (let round = 0; round < 8; round++) {
    const process = runProcess('timers.cjs');
    worker = process;
    await process.call('open', options);
    const timers = Array.from({ length: 25 }, (_, n) => ({
      id: `t-${round}-${n}`,
      name: 'due',
      duration: n * 20,
    }));
    for (const { id, endTime } of await process.call<Array<{ id: string; endTime: string }>>(
      'create',
      timers,
    )) {
      created.set(id, Date.parse(endTime));
    }
    await eventually('some timers', () => (firings(process).length >= 8 ? true : undefined));
    await process.kill();
    fired.push(...firings(process));
  }
  const last = runProcess('timers.cjs');
  worker = last;
  await last.call('open', options);
  const seen = () => new Set([...fired, ...firings(last)].map(({ expired }) => expired?.id));
  await eventually('every timer', () => (seen().size >= created.size ? true : undefined), {
    timeoutMs: 60_000,
  });
  fired.push(...firings(last));
  expect([...seen()].sort()).toEqual([...created.keys()].sort());
  const deliveries = new Map<string, string>();
  for (const { expired, atMs } of fired) {
    if (expired === undefined) continue;
    expect(atMs).toBeGreaterThanOrEqual(created.get(expired.id) ?? Infinity);
    expect(deliveries.get(expired.id) ?? expired.deliveryId).toBe(expired.deliveryId);
    deliveries.set(expired.id, expired.deliveryId);
  }
  expect(new Set(deliveries.values()).size).toBe(created.size);
}, 180_000);

test('timers and breakers outlive their coordinator, and objects of one path share them', async () => {
  const storage = join(folder.path, 'restart.db');
  const first = createTokenCoordinator({ storage, run: false });
  const timer = await first.timers.create({ id: 'later', name: 'later', duration: '1h' });
  const breaker = first.circuitBreaker('openai', { threshold: 2, resetAfter: '5m' });
  const fails = () => Promise.reject(Object.assign(new Error('down'), { status: 500 }));
  for (let n = 0; n < 2; n++) await expect(breaker.execute(fails)).rejects.toThrow('down');
  await first.close();

  const [second, third] = [0, 1].map(() => createTokenCoordinator({ storage, run: false }));
  if (second === undefined || third === undefined) throw new Error('two coordinators');
  expect(await second.timers.get('later')).toMatchObject({ status: 'scheduled', endTime: timer.endTime });
  await third.timers.cancel('later');
  expect(await second.timers.get('later')).toMatchObject({ status: 'cancelled' });
  const again = second.circuitBreaker('openai', { threshold: 2, resetAfter: '5m' });
  await expect(again.execute(() => Promise.resolve('up'))).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  await Promise.all([second.close(), third.close()]);
});

test('waitFor and timers of this process work as in memory', async () => {
  const minoots = createTokenCoordinator({ storage: join(folder.path, 'wait.db') });
  const expired: unknown[] = [];
  minoots.on('timer:expired', event => expired.push(event));
  const { id } = await minoots.timers.create({ name: 'soon', duration: 30 });
  expect(await minoots.timers.waitFor(id)).toMatchObject({ id, status: 'fired' });
  await eventually('the event', () => (expired.length === 1 ? true : undefined));
  await minoots.close();
});
