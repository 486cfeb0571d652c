/** On a disk that is slow, full or broken: what is told, when, and what is not. */
import { join, resolve } from 'node:path';
import type { BudgetConfig } from '@wundr.io/token-budget';
import type { HeardEvent } from '../support/fleet';
import { runProcess, type WorkerProcess } from '../support/process';
import { makeSlowDisk, type SlowDisk } from '../support/slow-disk';
import { eventually, start } from '../support/system';

let disk: SlowDisk;
let worker: WorkerProcess | undefined;
let files = 0;

beforeAll(() => {
  disk = makeSlowDisk();
});
afterAll(() => disk.remove());
afterEach(async () => {
  for (const trouble of ['hold', 'full', 'broken'] as const) disk.end(trouble);
  await worker?.kill();
  worker = undefined;
});

function running(): WorkerProcess {
  if (worker === undefined) throw new Error('no process runs');
  return worker;
}

/** A tracker on the disk, and a listener for all its events. */
async function open(config: BudgetConfig = {}): Promise<void> {
  files += 1;
  worker = runProcess('tracker.cjs', { env: disk.env });
  const storage = join(disk.path, `state-${files}.db`);
  await worker.call('open', { config: { storage, commandTimeout: 60_000, ...config } });
  await call('ready');
}

const call = <T = unknown>(method: string, ...args: unknown[]) => running().call<T>('call', { method, args });

async function heard(): Promise<string[]> {
  const events = await running().call<HeardEvent[]>('heard', {});
  return events.map(({ name }) => name);
}

function outcomeOf(promise: Promise<unknown>): { is: string } {
  const outcome = { is: 'pending' };
  promise.then(
    () => {
      outcome.is = 'resolved';
    },
    error => {
      outcome.is = error.code;
    },
  );
  return outcome;
}

const usage = (totalTokens: number, more: object = {}) => ({
  orchestratorId: 'o',
  sessionId: 's',
  timestamp: { $later: 0 },
  promptTokens: 0,
  completionTokens: 0,
  totalTokens,
  model: 'm',
  ...more,
});

describe('a disk that is slow', () => {
  test('nothing is resolved, rejected or told before it is on disk; reads of what is not wait, too', async () => {
    await open({ defaultBudget: { hourly: 100 } });
    const { reservationId } = await call<{ reservationId: string }>('reserveTokens', 'o', 10);
    const before = await heard();
    disk.begin('hold');
    const pending = [
      call('trackUsage', usage(50)),
      call('checkBudget', 'o', 1),
      call('reserveTokens', 'o', 10),
      call('releaseReservation', reservationId, 5),
      // That it was ended already rests on what is not on disk.
      call('releaseReservation', reservationId, 5),
      call('reserveTokens', 'o', 1000),
      call('getUsageStats', 'o'),
      call('listReservations', 'o'),
      call('setBudget', 'other', { hourly: 5 }),
      call('healthCheck'),
    ].map(outcomeOf);
    // A round trip through the process, behind all of them.
    await heard();
    await new Promise(done => setTimeout(done, 300));
    expect(pending.map(({ is }) => is)).toEqual(Array(10).fill('pending'));
    expect(await heard()).toEqual(before);
    disk.end('hold');
    await eventually('all answers', () => (pending.some(({ is }) => is === 'pending') ? undefined : true));
    const ok = 'resolved';
    expect(pending.map(({ is }) => is)).toEqual([
      ok,
      ok,
      ok,
      ok,
      'RESERVATION_NOT_FOUND',
      ok,
      ok,
      ok,
      ok,
      ok,
    ]);
    expect((await heard()).slice(before.length)).toEqual([
      'threshold:50',
      'usage:tracked',
      'reservation:created',
      'reservation:released',
      'usage:tracked',
      'budget:denied',
      'budget:set',
    ]);
  });

  test('what does not come in time rejects with TIMEOUT; it stays counted, and its events come when it is on disk', async () => {
    await open({ commandTimeout: 200 });
    await call('trackUsage', usage(1));
    const before = await heard();
    disk.begin('hold');
    await expect(call('trackUsage', usage(7))).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('200 ms'),
    });
    await expect(call('getUsageStats', 'o')).rejects.toMatchObject({ code: 'TIMEOUT' });
    // A reservation that nobody hears of is given back.
    await expect(call('reserveTokens', 'o', 9)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await heard()).toEqual(before);
    disk.end('hold');
    await eventually('its events', async () =>
      (await heard()).length >= before.length + 3 ? true : undefined,
    );
    expect((await heard()).slice(before.length)).toEqual([
      'usage:tracked',
      'reservation:created',
      'reservation:released',
    ]);
    expect(await call('getUsageStats', 'o')).toMatchObject({ totalUsed: 8, reservedTokens: 0 });
  });

  test('no more than maxPending may wait', async () => {
    await open({ maxPending: 3 });
    disk.begin('hold');
    const pending = [1, 2, 3].map(tokens => outcomeOf(call('trackUsage', usage(tokens))));
    await heard();
    const refused = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('(maxPending)') };
    await expect(call('trackUsage', usage(9))).rejects.toMatchObject(refused);
    await expect(call('checkBudget', 'o', 1)).rejects.toMatchObject(refused);
    disk.end('hold');
    await eventually('all answers', () => (pending.some(({ is }) => is === 'pending') ? undefined : true));
    expect(pending.map(({ is }) => is)).toEqual(Array(3).fill('resolved'));
    expect(await call('getUsageStats', 'o')).toMatchObject({ totalUsed: 6 });
  });

  test.each([
    ['allow', { allowed: true, storeUnavailable: true }, { success: true, storeUnavailable: true }],
    ['deny', { allowed: false, storeUnavailable: true }, { success: false, storeUnavailable: true }],
  ] as const)(
    'onStoreError %s answers checks and reservations in time',
    async (onStoreError, check, reserve) => {
      await open({ commandTimeout: 200, onStoreError, defaultBudget: { hourly: 100 } });
      disk.begin('hold');
      const tracked = outcomeOf(call('trackUsage', usage(40)));
      const answers = await Promise.all([
        call('checkBudget', 'o', 1),
        call<{ reservationId?: string }>('reserveTokens', 'o', 10),
        // What memory knows not to fit is refused in any case.
        call('reserveTokens', 'o', 70),
      ]);
      expect(answers).toMatchObject([check, reserve, { success: false, storeUnavailable: true }]);
      expect(tracked.is).toBe('TIMEOUT');
      disk.end('hold');
      await eventually('the disk', async () => ((await call('healthCheck')) === true ? true : undefined));
      const { reservationId } = answers[1];
      if (reservationId !== undefined) await call('releaseReservation', reservationId, 3);
      expect(await call('getUsageStats', 'o')).toMatchObject({
        totalUsed: onStoreError === 'allow' ? 43 : 40,
        reservedTokens: 0,
      });
    },
  );

  test('a promise that waits keeps the process alive, and nothing else does', async () => {
    const entry = JSON.stringify(resolve(__dirname, '../../dist/index.js'));
    const storage = JSON.stringify(join(disk.path, 'alive.db'));
    const script = `const { TokenBudgetTracker } = require(${entry});
      const tracker = new TokenBudgetTracker({ storage: ${storage}, commandTimeout: 60_000 });
      tracker.ready().then(() => {
        require('node:fs').writeFileSync(${JSON.stringify(disk.file('hold'))}, '');
        tracker.setBudget('o', { hourly: 5 }).then(() => console.log('on disk'));
        console.log('asked');
      });`;
    const child = await start(process.execPath, ['-e', script], { env: { ...process.env, ...disk.env } });
    await eventually('the call', () => (child.output() === '' ? undefined : true));
    await new Promise(done => setTimeout(done, 300));
    expect({ running: child.running(), output: child.output() }).toEqual({
      running: true,
      output: 'asked\n',
    });
    disk.end('hold');
    expect(await child.ended).toBe(0);
    expect(child.output()).toBe('asked\non disk\n');
  });
});

test('what the disk does not take in time is bounded: beyond 64 MiB nothing more is done, and all says so', async () => {
  const entry = JSON.stringify(resolve(__dirname, '../../dist/index.js'));
  const storage = JSON.stringify(join(disk.path, 'bounded.db'));
  const script = `const { RateLimitManager, TokenBudgetTracker, TokenManager } = require(${entry});
    const options = { storage: ${storage}, commandTimeout: 120_000 };
    const tracker = new TokenBudgetTracker(options);
    const limiter = new RateLimitManager({ ...options, limits: { concurrent: 1 }, pacing: false });
    const manager = new TokenManager(['token'], options);
    const hold = ${JSON.stringify(disk.file('hold'))};
    const metadata = { text: 'x'.repeat(65_000) };
    const usage = { orchestratorId: 'o', sessionId: 's', timestamp: new Date(), promptTokens: 0,
      completionTokens: 0, totalTokens: 1, model: 'm', metadata };
    const codeOf = promise => promise.then(() => 'fulfilled', error => error.code + ': ' + error.message);
    (async () => {
      await Promise.all([tracker.ready(), limiter.ready(), manager.ready()]);
      await limiter.acquire();
      const controller = new AbortController();
      const waiting = codeOf(limiter.acquire({ signal: controller.signal }));
      await limiter.getStatus();
      require('node:fs').writeFileSync(hold, '');
      const calls = Array.from({ length: 1100 }, () => codeOf(tracker.trackUsage(usage)));
      const refused = await Promise.all([
        codeOf(tracker.reserveTokens('o', 1)),
        codeOf(limiter.acquire()),
        codeOf(manager.getNextAvailableToken()),
        codeOf(tracker.setBudget('o', { hourly: 1 })),
      ]);
      controller.abort(new Error('enough'));
      const aborted = await waiting;
      require('node:fs').rmSync(hold);
      const outcomes = await Promise.all(calls);
      const done = outcomes.filter(code => code === 'fulfilled').length;
      const { totalUsed } = await tracker.getUsageStats('o');
      console.log(JSON.stringify({ done, totalUsed, aborted, refused: [...new Set([...outcomes, ...refused])] }));
    })();`;
  const child = await start(process.execPath, ['-e', script], { env: { ...process.env, ...disk.env } });
  expect({ code: await child.ended, output: child.output() }).toMatchObject({ code: 0 });
  const { done, totalUsed, aborted, refused } = JSON.parse(child.output());
  expect(aborted).toBe('undefined: enough');
  expect(done).toBeGreaterThan(1000);
  expect(done).toBeLessThan(1100);
  expect(totalUsed).toBe(done);
  expect(refused.sort()).toEqual([
    expect.stringMatching(/^STORE_UNAVAILABLE: .*64 MiB wait to be written/),
    'fulfilled',
  ]);
}, 120_000);

describe('what is granted to nobody', () => {
  const open = async (options: object, limits = {}) => {
    files += 1;
    worker = runProcess('storage.cjs', { env: disk.env });
    const path = join(disk.path, `state-${files}.db`);
    await worker.call('open', { path, options, limits });
  };

  test.each([
    ['aborted', true, ['aborted', 'aborted', 'aborted', 'aborted']],
    ['late', false, ['TIMEOUT', 'TIMEOUT', 'TIMEOUT', 'TIMEOUT']],
  ] as const)('is given back: %s', async (_how, abort, expected) => {
    await open({ commandTimeout: abort ? 60_000 : 200 });
    // So that what is picked is known of.
    await running().call('tellQuota', { remaining: 100 });
    disk.begin('hold');
    expect(await running().call('grants', { abort })).toEqual(expected);
    disk.end('hold');
    const sight = await eventually('everything is given back', async () => {
      const look = await running().call<{ requests: number; held: string[]; views: unknown[] }>('look');
      return look.requests === 0 && look.held.length === 0 ? look : undefined;
    });
    expect(sight.views[0]).toMatchObject({ resources: [{ underWay: 0 }] });
  });

  test('a place in the line that is not on disk in time is given up', async () => {
    await open({ commandTimeout: 200 }, { concurrent: 1 });
    expect(await running().call('permit')).toBe('granted');
    expect(await running().call('permit', { maxWaitMs: 50 })).toBe('RATE_LIMITED');
    disk.begin('hold');
    expect(await running().call('permit', { maxWaitMs: 60_000 })).toBe('TIMEOUT');
    disk.end('hold');
    await eventually('nobody waits', async () => {
      const { waiting, underWay } = await running().call<{ waiting: number; underWay: number }>('status');
      return waiting === 0 && underWay === 1 ? true : undefined;
    });
  });
});

describe.each(['full', 'broken'] as const)('a disk that is %s', trouble => {
  test('calls fail with the reason, the store is told to be away and back, and nothing is lost', async () => {
    await open({ commandTimeout: 300, maxPending: 50 });
    await call('trackUsage', usage(1));
    disk.begin(trouble);
    await expect(call('trackUsage', usage(2))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/cannot be written: ./),
    });
    expect(await heard()).toContain('store:disconnected');
    expect(await call('healthCheck')).toBe(false);
    disk.end(trouble);
    await eventually('the store is back', async () =>
      (await heard()).filter(name => name === 'store:connected').length >= 2 ? true : undefined,
    );
    expect(await call('healthCheck')).toBe(true);
    expect(await call('getUsageStats', 'o')).toMatchObject({ totalUsed: 3 });
    expect((await heard()).filter(name => name === 'usage:tracked')).toHaveLength(2);
    await call('close');
  });

  test('close ends in time, and tells what is not on disk', async () => {
    await open();
    await call('trackUsage', usage(1));
    disk.begin(trouble);
    const pending = outcomeOf(call('trackUsage', usage(2)));
    await heard();
    await call('close', { timeout: 300 });
    await eventually('the call that was pending', () => (pending.is === 'pending' ? undefined : true));
    expect(pending.is).toBe('CLOSED');
    const events = await running().call<HeardEvent[]>('heard', { name: 'store:warning' });
    expect(events).toMatchObject([{ args: [{ message: expect.stringContaining('may not be on disk') }] }]);
  });
});
