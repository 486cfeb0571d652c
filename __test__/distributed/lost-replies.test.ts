/** The server does what it was asked, and its answer is lost: nothing counts twice. */
import type { BudgetInForce, ReservationResult, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, later, openProcess, type RemoteProcess, usage, withinOneHour } from '../support/fleet';
import type { TcpProxy } from '../support/proxy';
import { startStore, type TestStore, type Topology } from '../support/stores';

const ID = 'lossy';

beforeAll(() => withinOneHour(90_000), 100_000);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  let store: TestStore;
  let one: RemoteProcess;
  let proxy: TcpProxy;

  beforeAll(async () => {
    store = await startStore(topology, { proxied: true });
    one = await openProcess({
      defaultBudget: { hourly: 1_000_000 },
      commandTimeout: 10_000,
      redis: store.redis,
    });
    await one.call('ready');
    const [first] = store.proxies;
    const owner = await store.cluster?.primaryOf(store.key('orchestrator', ID, 'state'));
    proxy = (owner?.proxy ?? first) as TcpProxy;
  }, 60_000);

  afterAll(async () => {
    await endProcesses([one]);
    await store.stop();
  });

  /** The first answer to what names the orchestrator does not come back. */
  async function losing<T>(operation: () => Promise<T>): Promise<T> {
    const lost = proxy.dropReplyTo(ID);
    const answer = await operation();
    await lost;
    return answer;
  }

  const stats = () => one.call<UsageStats>('getUsageStats', ID);

  test('trackUsage, reserveTokens, releaseReservation: each is done once', async () => {
    await losing(() => one.track(ID, 100));
    expect(await stats()).toMatchObject({ totalUsed: 100, reservedTokens: 0 });

    const result = await losing(() => one.call<ReservationResult>('reserveTokens', ID, 50, 'all'));
    expect(result).toMatchObject({ success: true, remaining: 1_000_000 - 150 });
    expect(await stats()).toMatchObject({ totalUsed: 100, reservedTokens: 50, activeReservations: 1 });
    const listed = await one.call<{ id: string }[]>('listReservations', ID);
    expect(listed.map(({ id }) => id)).toEqual([result.reservationId]);

    await losing(() => one.call('releaseReservation', result.reservationId, 30));
    expect(await stats()).toMatchObject({ totalUsed: 130, reservedTokens: 0, activeReservations: 0 });
    expect(await one.heard('reservation:released')).toMatchObject([
      { args: [result.reservationId, { reserved: 50, actual: 30, recorded: 30, overage: 0, late: false }] },
    ]);
    expect((await one.heard('usage:tracked')).map(({ args }) => args[0].totalTokens)).toEqual([100, 30]);
    expect(await one.call('getUsageHistory', ID)).toHaveLength(2);
  }, 60_000);

  test('limits and overrides: each is set once', async () => {
    const override = {
      orchestratorId: ID,
      period: 'hourly',
      additionalTokens: 77,
      reason: 'r',
      expiresAt: later(60_000),
      createdBy: 'c',
    };
    await losing(() => one.call('setBudget', ID, { hourly: 5000 }));
    await losing(() => one.call('setBudgetOverride', override));
    expect(await one.call<BudgetInForce>('getBudget', ID)).toMatchObject({
      base: { hourly: 5000 },
      effective: { hourly: 5077 },
    });
    const [stored] = await one.call<{ id: string }[]>('listOverrides', ID);
    expect(await losing(() => one.call('removeOverride', ID, stored?.id))).toBe(true);
    expect(await one.call('getBudget', ID)).toMatchObject({ effective: { hourly: 5000 } });
    await one.call('setBudget', ID, null);
  }, 60_000);

  test('a denial whose answer was lost is a denial', async () => {
    const result = await losing(() => one.call<ReservationResult>('reserveTokens', ID, 2_000_000));
    expect(result).toMatchObject({ success: false, retryable: false });
    expect(await stats()).toMatchObject({ reservedTokens: 0 });
  }, 60_000);

  test('a threshold whose answer was lost is told once', async () => {
    const threshold = { hourly: 1000 };
    await one.call('setBudget', `${ID}-threshold`, threshold);
    const owner = await store.cluster?.primaryOf(store.key('orchestrator', `${ID}-threshold`, 'state'));
    const lost = (owner?.proxy ?? proxy).dropReplyTo(`${ID}-threshold`);
    await one.track(`${ID}-threshold`, 600);
    await lost;
    const told = (await one.heard('threshold:50')).filter(
      ({ args }) => args[0].orchestratorId === `${ID}-threshold`,
    );
    expect(told).toMatchObject([{ args: [{ currentUsage: 600, limit: 1000 }] }]);
  }, 60_000);

  test('under load, with one answer after the other lost: the totals are exact', async () => {
    const before = (await stats()).totalUsed;
    const calls = Array.from({ length: 200 }, (_, n) => ['trackUsage', usage(ID, n)] as const);
    const holds = Array.from({ length: 100 }, () => ['reserveTokens', ID, 10, 'all'] as const);
    let expected = before;
    for (let round = 0; round < 3; round++) {
      const outcomes = await losing(() => one.all<ReservationResult>([...calls, ...holds]));
      expect(outcomes.filter(({ code }) => code !== undefined)).toEqual([]);
      const held = outcomes.flatMap(({ value }) => value?.reservationId ?? []);
      expect(new Set(held).size).toBe(holds.length);
      const ended = await losing(() => one.all(held.map(id => ['releaseReservation', id, 4] as const)));
      expect(ended.filter(({ code }) => code !== undefined)).toEqual([]);
      expected += (199 * 200) / 2 + 4 * holds.length;
    }
    for (const period of ['hourly', 'daily', 'monthly']) {
      expect(await one.call('getUsageStats', ID, period)).toMatchObject({
        totalUsed: expected,
        reservedTokens: 0,
        activeReservations: 0,
      });
    }
  }, 60_000);
});
