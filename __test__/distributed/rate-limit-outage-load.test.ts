/** A limiter under load while its servers fail over, forget scripts, and its processes disagree or sleep. */
import type { RateLimitConfig, RateLimitStatus } from '@wundr.io/token-budget/rate-limit';
import { endLimiters, type LimiterProcess, mostInAnyWindow, openLimiter } from '../support/limiters';
import type { WorkerOptions } from '../support/process';
import { startProxy, type TcpProxy } from '../support/proxy';
import { makeServerClock } from '../support/server-clock';
import { startStore, type TestStore } from '../support/stores';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

const HOUR_MS = 3_600_000;

let store: TestStore;
const processes: LimiterProcess[] = [];

async function open(config: RateLimitConfig, options?: WorkerOptions): Promise<LimiterProcess> {
  const base = { pacing: false, safety: { margin: 0 }, commandTimeout: 10_000, redis: store.redis };
  const one = await openLimiter({ ...base, ...config }, options);
  processes.push(one);
  await one.call('ready', { timeout: 10_000 });
  return one;
}

const statusOf = (one: LimiterProcess) => one.call<RateLimitStatus>('getStatus');

afterEach(() => endLimiters(processes.splice(0)));
afterAll(() => store?.stop());

describe('on sentinel', () => {
  beforeAll(async () => {
    store = await startStore('sentinel');
  }, 60_000);

  test('a failover under load: no more is granted than the limit and what the failover lost', async () => {
    const limit = 1500;
    const all = await Promise.all([1, 2, 3].map(() => open({ name: 'failover', limits: { rpm: limit } })));
    const [one] = all as [LimiterProcess];
    const until = Date.now() + 4000;
    const load = { lanes: 4, untilMs: until, options: {}, holdMs: 20, outages: true };
    const first = Promise.all(all.map(process => process.run(load)));
    await eventually('a load under way', async () => (await one.granted()).length > 50 || undefined);
    await store.trio?.primary.kill();
    await first;
    await store.trio?.promoted(store.trio.replica);
    // What was taken in vain is given back before this is the whole truth.
    const survived = await eventually('an answer', async () => {
      const { limits, underWay } = await statusOf(one);
      return underWay === 0 ? limits.rpm?.used : undefined;
    });
    const before = (await Promise.all(all.map(process => process.granted()))).flat();
    const rest = { lanes: 4, forMs: 5000, options: {} };
    const after = (await Promise.all(all.map(process => process.run(rest)))).flat();
    expect((await statusOf(one)).limits.rpm?.used).toBe(limit);
    expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
    expect(before.length).toBeGreaterThan(50);
    expect(after.length - before.length).toBe(limit - survived);
    // A replica is some milliseconds behind.
    expect(before.length - survived).toBeLessThan(100);
  }, 60_000);
});

describe('on standalone', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    await store?.stop();
    store = await startStore('standalone');
    folder = temporaryFolder('limiter-clocks');
  }, 60_000);
  afterAll(() => folder?.remove());

  test('scripts are forgotten again and again: the bound holds, nothing fails', async () => {
    const limits = { rps: 100, itpm: 1_000_000 };
    const all = await Promise.all([1, 2].map(() => open({ name: 'flushed', limits })));
    const untilMs = Date.now() + 3000;
    const options = { inputTokens: 3, maxOutputTokens: 0 };
    const loads = all.map(process => process.run({ lanes: 4, untilMs, options }));
    const flushing = (async () => {
      let flushes = 0;
      for (; Date.now() < untilMs; flushes++) await store.servers[0]?.command('SCRIPT', 'FLUSH');
      return flushes;
    })();
    const granted = (await Promise.all(loads)).flat();
    expect(await flushing).toBeGreaterThan(20);
    const entries = granted.map(({ admittedAtMs }) => ({ atMs: admittedAtMs, amount: 1 }));
    expect(mostInAnyWindow(entries, 1000)).toBeLessThanOrEqual(limits.rps);
    expect(entries.length).toBeGreaterThan(200);
    // What came too late for its lane is given back.
    await eventually('what was granted, and nothing else', async () => {
      const status = await statusOf(all[0] as LimiterProcess);
      expect(status).toMatchObject({ underWay: 0, waiting: 0 });
      expect(status.limits.itpm?.used).toBe(3 * entries.length);
      return true;
    });
  }, 30_000);

  const clocks: [string, () => WorkerOptions][] = [
    ['of JavaScript', () => ({ clockShiftMs: HOUR_MS })],
    ...(process.platform === 'linux'
      ? [
          [
            'of the whole process',
            () => {
              const clock = makeServerClock(folder.path);
              clock.shift(HOUR_MS);
              return { env: clock.env };
            },
          ] as [string, () => WorkerOptions],
        ]
      : []),
  ];

  test.each(clocks)(
    'a clock %s that is an hour ahead: one line, one window, one pause',
    async (kind, ahead) => {
      const config = { name: `clocks ${kind}`, limits: { rps: 20, rpm: 1000, concurrent: 30 } };
      const [fast, slow] = [await open(config, ahead()), await open(config)];
      const loads = [fast, slow].map(one => one.run({ lanes: 3, forMs: 3000, options: {} }));
      const granted = (await Promise.all(loads)).flat();
      const entries = granted.map(({ admittedAtMs }) => ({ atMs: admittedAtMs, amount: 1 }));
      expect(mostInAnyWindow(entries, 1000)).toBeLessThanOrEqual(20);
      expect(entries.length).toBeGreaterThan(30);
      // By the clock of the store, for both.
      for (const { atMs } of entries) expect(Math.abs(atMs - Date.now())).toBeLessThan(60_000);
      for (const { waitedMs } of granted) expect(waitedMs).toBeLessThan(10_000);

      await fast.call('pause', 60_000);
      const until = await Promise.all(
        [fast, slow].map(async one => String((await statusOf(one)).pausedUntil)),
      );
      expect(until[0]).toBe(until[1]);
      expect(Math.abs(Date.parse(until[0] as string) - Date.now() - 60_000)).toBeLessThan(10_000);
      for (const one of [fast, slow]) {
        const verdict = await one.call<{ waitMs: number }>('canMakeRequest');
        expect(verdict).toMatchObject({ allowed: false, reason: 'cooldown' });
        expect(verdict.waitMs).toBeGreaterThan(30_000);
        expect(verdict.waitMs).toBeLessThanOrEqual(60_000);
      }
      await slow.call('resume');
      const held = await fast.acquire();
      const settled = await slow.call('settle', held.id, { inputTokens: 0, outputTokens: 0 });
      expect(settled).toMatchObject({ known: true, late: false });
    },
    30_000,
  );

  test('a thread that is blocked for less than its lease keeps its permits and its places', async () => {
    const config = { name: 'blocked', limits: { concurrent: 1 }, clientLease: 1500 };
    const [one, two, watcher] = [await open(config), await open(config), await open(config)];
    const first = await one.acquire();
    await two.begin('second');
    await eventually('it waits', async () => (await statusOf(watcher)).waiting === 1 || undefined);
    await watcher.begin('third');
    const blockMs = 900;
    const blocked = Promise.all([one.block(blockMs), two.block(blockMs)]).then(() => 'over');
    const seen: object[] = [];
    for (let over: unknown; over !== 'over'; ) {
      const { underWay, waiting } = await statusOf(watcher);
      seen.push({ underWay, waiting });
      over = await Promise.race([blocked, Promise.resolve('')]);
    }
    expect(seen.length).toBeGreaterThan(3);
    expect(seen).toEqual(seen.map(() => ({ underWay: 1, waiting: 2 })));
    await one.settle(first.id, { inputTokens: 0, outputTokens: 0 });
    const [next] = await eventually('the next permit', async () => {
      const all = [...(await two.granted()), ...(await watcher.granted())];
      return all.length > 0 ? all : undefined;
    });
    expect(next).toMatchObject({ name: 'second' });
  }, 30_000);

  test('in a thread of its own, the connection of a blocked thread lives beyond its lease', async () => {
    const redis = { ...store.redis, ioThread: true };
    const config = { name: 'blocked-long', limits: { concurrent: 1 }, clientLease: 600, redis };
    const [one, watcher] = [await open(config), await open(config)];
    const held = await one.acquire();
    const blocked = one.block(2000).then(() => 'over');
    const seen = new Set<number>();
    for (let over: unknown; over !== 'over'; ) {
      seen.add((await statusOf(watcher)).underWay);
      over = await Promise.race([blocked, Promise.resolve('')]);
    }
    expect([...seen]).toEqual([1]);
    expect(await one.settle(held.id, { inputTokens: 0, outputTokens: 0 })).toMatchObject({
      known: true,
      late: false,
    });
  }, 30_000);
});

describe('cut off from the server', () => {
  let proxy: TcpProxy;

  beforeAll(async () => {
    await store?.stop();
    store = await startStore('standalone');
    proxy = await startProxy(store.servers[0] as { port: number });
  }, 60_000);
  afterAll(() => proxy?.stop());

  test('for longer than its lease, a process is dead to the others; it lines up again when it is back', async () => {
    const config = { name: 'cut-off', limits: { concurrent: 2, itpm: 1000 }, clientLease: 600 };
    const redis = { ...store.redis, port: proxy.port };
    const [lost, other] = [await open({ ...config, redis }), await open(config)];
    const [held, kept] = [await lost.acquire({ inputTokens: 100 }), await other.acquire({ inputTokens: 10 })];
    await lost.begin('waits', { inputTokens: 1 });
    await eventually('it waits', async () => (await statusOf(other)).waiting === 1 || undefined);
    proxy.setMode('black-hole');
    await eventually('its death', async () => {
      const { underWay, waiting } = await statusOf(other);
      return (underWay === 1 && waiting === 0) || undefined;
    });
    // Its request may have been made: that stays counted.
    expect((await statusOf(other)).limits.itpm?.used).toBe(110);
    const taken = await other.acquire({ inputTokens: 5 });
    expect(await lost.granted()).toEqual([]);

    proxy.setMode('pass');
    proxy.cutConnections();
    await eventually('its place', async () => (await statusOf(other)).waiting === 1 || undefined);
    expect(await lost.settle(held.id, { inputTokens: 40, outputTokens: 0 })).toMatchObject({
      known: true,
      late: true,
    });
    await other.cancel(taken.id);
    await eventually('its permit', async () => (await lost.granted()).length === 1 || undefined);
    await other.settle(kept.id, { inputTokens: 10, outputTokens: 0 });
    const { underWay, limits } = await statusOf(other);
    expect([underWay, limits.itpm?.used]).toEqual([1, 51]);
  }, 30_000);
});
