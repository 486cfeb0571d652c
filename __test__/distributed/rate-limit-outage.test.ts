/** A limiter whose servers stop, pause and come back: every call ends in time, and everything counts once. */
import type { RateLimitConfig, RateLimitStatus } from '@wundr.io/token-budget/rate-limit';
import { endLimiters, type LimiterProcess, openLimiter } from '../support/limiters';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const TIMEOUT_MS = 500;
const WITHIN_MS = 100;
const AWAY = ['acquire', 'canMakeRequest', 'tryAcquire', 'getStatus', 'getLimits', 'forecast', 'resume'];

let store: TestStore;
const processes: LimiterProcess[] = [];

async function open(config: RateLimitConfig): Promise<LimiterProcess> {
  const one = await openLimiter({
    pacing: false,
    safety: { margin: 0 },
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 2000,
    ...config,
    redis: store.redis,
  });
  processes.push(one);
  await one.call('ready', { timeout: 10_000 });
  return one;
}

async function stopAll(...watchers: LimiterProcess[]) {
  await Promise.all(store.servers.map(server => server.kill()));
  await Promise.all(watchers.map(one => one.hears('store:disconnected')));
}
const startAll = async () => {
  await Promise.all(store.servers.map(server => server.restart()));
  await store.cluster?.ready();
};
const pauseAll = () => {
  for (const server of store.servers) server.pause();
};
const resumeAll = () => {
  for (const server of store.servers) server.resume();
};

/** What is counted, as soon as the store tells. */
async function counted(one: LimiterProcess) {
  const status = await one.call<RateLimitStatus>('getStatus');
  const { rpm, itpm, otpm } = status.limits;
  const { underWay, waiting } = status;
  return { rpm: rpm?.used, itpm: itpm?.used, otpm: otpm?.used, underWay, waiting };
}

const eventuallyCounted = (one: LimiterProcess, expected: Partial<Awaited<ReturnType<typeof counted>>>) =>
  eventually(`counted: ${JSON.stringify(expected)}`, async () => {
    const seen = await counted(one);
    expect(seen).toMatchObject(expected);
    return true;
  });

const granted = (one: LimiterProcess, count = 1) =>
  eventually(
    `${count} permits`,
    async () => {
      const all = await one.granted();
      return all.length >= count ? all : undefined;
    },
    { timeoutMs: 8000 },
  );

afterEach(() => endLimiters(processes.splice(0)));
afterAll(() => store?.stop());

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology, { args: DURABLE });
  }, 60_000);

  const limits = { rpm: 100, itpm: 10_000, otpm: 10_000 };
  const estimate = { inputTokens: 100, maxOutputTokens: 10 };
  const used = { inputTokens: 30, outputTokens: 4 };

  test('stopped: calls end in time; what was settled and cancelled meanwhile counts once', async () => {
    const [one, two] = await Promise.all([
      open({ name: 'stopped', limits }),
      open({ name: 'stopped', limits }),
    ]);
    const [a, b, c, d] = await Promise.all([1, 2, 3, 4].map(() => one.acquire(estimate)));
    await stopAll(one, two);
    const refused = await one.all(
      [...AWAY.map(method => [method]), ['setLimits', { rpm: 1 }]] as [string][],
      TIMEOUT_MS,
    );
    expect(refused.map(({ code }) => code)).toEqual(refused.map(() => 'STORE_UNAVAILABLE'));
    for (const { beyondMs } of refused) expect(beyondMs).toBeLessThan(WITHIN_MS);

    const ended = await Promise.all([
      one.all([
        ['settle', a?.id, used],
        ['cancel', b?.id],
      ]),
      // Another process knows the ids alone.
      two.all([
        ['call', 'settle', c?.id, used],
        ['call', 'cancel', d?.id],
      ]),
    ]);
    expect(ended.flat().map(({ code }) => code)).toEqual(Array(4).fill(undefined));
    expect(await one.call('healthCheck')).toBe(false);

    await startAll();
    await eventuallyCounted(two, { rpm: 2, itpm: 60, otpm: 8, underWay: 0, waiting: 0 });
    await Promise.all([one, two].map(process => process.acquire(estimate)));
    expect(await counted(one)).toMatchObject({ rpm: 4, itpm: 260, underWay: 2 });
    expect(await one.call('getLimits')).toEqual(limits);
  }, 60_000);

  test('paused: calls end in time, and what ran out of time is not done later', async () => {
    const [one, two] = await Promise.all([
      open({ name: 'paused', limits }),
      open({ name: 'paused', limits }),
    ]);
    const [a, b] = await Promise.all([one.acquire(estimate), one.acquire(estimate)]);
    await two.call('getStatus');
    pauseAll();
    const [settled, cancelled, impatient, ...late] = await one.all(
      [
        ['settle', a.id, used],
        ['cancel', b.id],
        ['acquire', { ...estimate, maxWaitMs: 200 }],
        ...AWAY.map(method => [method] as [string]),
        ['setLimits', { rpm: 1 }],
      ],
      TIMEOUT_MS,
    );
    const aborted = await one.abort(5, estimate, 50);
    // Patience is for the line; how long a store takes to answer is bounded by commandTimeout.
    expect([settled?.code, cancelled?.code, impatient?.code]).toEqual([undefined, undefined, 'TIMEOUT']);
    expect(late.map(({ code }) => code)).toEqual(late.map(() => 'TIMEOUT'));
    expect(aborted.map(({ code }) => code)).toEqual(aborted.map(() => 'AbortError'));
    for (const outcome of [settled, cancelled, ...late, ...aborted]) {
      expect(outcome?.beyondMs).toBeLessThan(WITHIN_MS);
    }
    // What is dead when the server reads its requests gives nothing back: the deadlines alone hold.
    const dead = await two.all([
      ['acquire'],
      ['acquire', { priority: 'critical' }],
      ['setLimits', { rpm: 1 }],
    ]);
    expect(dead.map(({ code }) => code)).toEqual(dead.map(() => 'TIMEOUT'));
    await two.worker.kill();

    resumeAll();
    await eventuallyCounted(one, { rpm: 1, itpm: 30, otpm: 4, underWay: 0, waiting: 0 });
    expect(await one.call('getLimits')).toEqual(limits);
  }, 60_000);

  test(`onStoreError: 'allow' gives permits that hold nothing`, async () => {
    const one = await open({ name: 'allowed', limits, onStoreError: 'allow' });
    await one.acquire(estimate);
    await stopAll(one);
    const [first, second, tried, check] = await one.all<{ id: string; isUnheld: boolean }>(
      [['acquire', estimate], ['acquire', estimate], ['tryAcquire', estimate], ['canMakeRequest']],
      TIMEOUT_MS,
    );
    expect([first, second]).toMatchObject([{ value: { isUnheld: true } }, { value: { isUnheld: true } }]);
    expect(tried?.value).toMatchObject({ permit: { isUnheld: true }, verdict: null });
    expect(check?.code).toBe('STORE_UNAVAILABLE');
    for (const outcome of [first, second, tried]) expect(outcome?.beyondMs).toBeLessThan(WITHIN_MS);
    const settled = await one.settle(first?.value?.id ?? '', used);
    expect(settled).toMatchObject({ known: false, used });
    expect(await one.cancel(second?.value?.id ?? '')).toBe(false);
    await startAll();
    await eventuallyCounted(one, { rpm: 1, itpm: 100, underWay: 1 });
    expect((await one.acquire(estimate)).isUnheld).toBe(false);
  }, 60_000);

  test('who waits through a restart that empties the server gets a permit, in the old order', async () => {
    const config = { name: 'emptied', limits: { concurrent: 1 } };
    const [one, two] = await Promise.all([open(config), open(config)]);
    await one.acquire();
    for (const name of ['first', 'second', 'third']) {
      await two.begin(name);
      const waiting = ['first', 'second', 'third'].indexOf(name) + 1;
      await eventuallyCounted(one, { waiting });
    }
    for (const server of store.servers) await server.command('FLUSHALL');
    await stopAll(one, two);
    await startAll();
    // Nobody calls: a lease of 30 s is far from over.
    expect(await granted(two)).toMatchObject([{ name: 'first' }]);
    await eventuallyCounted(one, { underWay: 1, waiting: 2 });
    expect(await two.granted()).toHaveLength(1);
  }, 60_000);

  test('who gives up while the server is away has no place afterwards', async () => {
    const config = { name: 'given-up', limits: { concurrent: 1 } };
    const [one, two] = await Promise.all([open(config), open(config)]);
    const held = await one.acquire();
    const waits = two.abort(3, {}, 400);
    await eventuallyCounted(one, { waiting: 3 });
    await stopAll(one, two);
    expect((await waits).map(({ code }) => code)).toEqual(Array(3).fill('AbortError'));
    await startAll();
    await eventuallyCounted(one, { underWay: 1, waiting: 0 });
    await one.cancel(held.id);
    await eventuallyCounted(one, { underWay: 0, waiting: 0 });
  }, 60_000);

  test('close while the server is away does not wait for what only shows a sign of life', async () => {
    const one = await open({ name: 'closed-idle', limits: { concurrent: 1 }, clientLease: 150 });
    await one.acquire();
    await stopAll(one);
    // By now it asks, every 50 ms.
    await one.all([['acquire']], TIMEOUT_MS);
    const [closed] = await one.all([['close', { timeout: 10_000 }]]);
    expect(closed?.code).toBeUndefined();
    expect(closed?.tookMs).toBeLessThan(2000);
    await startAll();
  }, 60_000);

  test.each([
    ['stopped', () => stopAll()],
    ['paused', async () => pauseAll()],
  ])(
    'close while the server is %s ends in time',
    async (state, goAway) => {
      const one = await open({ name: `closed-${state}`, limits: { concurrent: 1 }, commandTimeout: 5000 });
      const held = await one.acquire({ model: 'learned', maxOutputTokens: 5 });
      await one.begin('waits');
      await eventuallyCounted(one, { waiting: 1 });
      await goAway();
      const [settled, closed, after] = await one.all(
        [['settle', held.id, used], ['close', { timeout: 300 }], ['acquire']],
        300,
      );
      resumeAll();
      expect([closed?.code, after?.code]).toEqual([undefined, 'CLOSED']);
      expect([undefined, 'CLOSED']).toContain(settled?.code);
      expect(closed?.beyondMs).toBeLessThan(200);
      expect(await one.granted()).toEqual([{ name: 'waits', code: 'CLOSED' }]);
      one.worker.disconnect();
      expect(await one.worker.ended).toBe(0);
      await Promise.all(state === 'stopped' ? [startAll()] : []);
    },
    60_000,
  );
});
