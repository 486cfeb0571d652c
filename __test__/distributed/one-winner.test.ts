/** A reservation ends once, whoever tries: settled, released or expired. */
import type { ReservationResult, ReservationSettlement, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, openProcesses, type RemoteProcess, withinOneHour } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const TTL_MS = 400;
const TOKENS = 10;

beforeAll(() => withinOneHour(45_000), 60_000);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  let store: TestStore;
  let processes: RemoteProcess[] = [];

  beforeAll(async () => {
    store = await startStore(topology);
    processes = await openProcesses(4, {
      defaultBudget: { hourly: 1_000_000, daily: 1_000_000 },
      commandTimeout: 10_000,
      redis: store.redis,
    });
    await Promise.all(processes.map(one => one.call('ready')));
  }, 60_000);

  afterAll(async () => {
    await endProcesses(processes);
    await store.stop();
  });

  const [first, second] = [() => processes[0] as RemoteProcess, () => processes[1] as RemoteProcess];

  async function reserve(orchestratorId: string, count: number, ttl: number): Promise<string[]> {
    const outcomes = await first().all<ReservationResult>(
      Array.from({ length: count }, () => ['reserveTokens', orchestratorId, TOKENS, 'all', { ttl }] as const),
    );
    return outcomes.map(({ value }) => value?.reservationId as string);
  }

  /** Each process ends every id at once: two settle, one overspends, one gives everything back. */
  async function raceFor(ids: readonly string[]) {
    const uses = [6, 9, 14, 0];
    const outcomes = await Promise.all(
      processes.map((one, index) => one.all(ids.map(id => ['releaseReservation', id, uses[index]] as const))),
    );
    return ids.map((_, at) => {
      const winners = outcomes.flatMap((of, index) => (of[at]?.code === undefined ? [uses[index]] : []));
      const codes = outcomes.map(of => of[at]?.code).filter(code => code !== undefined);
      return { winners, codes };
    });
  }

  const settlements = async () =>
    (await Promise.all(processes.map(one => one.heard('reservation:released')))).flat();
  const expiries = async () =>
    (await Promise.all(processes.map(one => one.heard('reservation:expired')))).flat();

  test('settle and release from four processes: one wins, three hear RESERVATION_NOT_FOUND', async () => {
    const ids = await reserve('settled', 200, 60_000);
    const races = await raceFor(ids);
    for (const { winners, codes } of races) {
      expect(winners).toHaveLength(1);
      expect(codes).toEqual(Array(3).fill('RESERVATION_NOT_FOUND'));
    }
    const used = races.reduce((sum, { winners }) => sum + (winners[0] as number), 0);
    for (const period of ['hourly', 'daily', 'monthly']) {
      expect(await second().call<UsageStats>('getUsageStats', 'settled', period)).toMatchObject({
        totalUsed: used,
        reservedTokens: 0,
        activeReservations: 0,
      });
    }
    const told = (await settlements()).filter(({ args }) => ids.includes(args[0]));
    expect(told).toHaveLength(ids.length);
  });

  test('settle, release and expiry at the same instant: one winner, and tokens recorded once', async () => {
    // Ids that expire one after the other while all four processes end them as fast as they can.
    const ids: string[] = [];
    for (let step = 0; step < 10; step++) {
      ids.push(...(await reserve('raced', 10, TTL_MS + step * 20)));
    }
    const expiring = store.key('orchestrator', 'raced', 'hourly:reservations:total');
    await eventually('the first expiry', async () =>
      Number(await store.read('GET', expiring)) < ids.length * TOKENS ? true : undefined,
    );
    const races = await raceFor(ids);
    for (const { winners, codes } of races) {
      expect(winners).toHaveLength(1);
      expect(codes).toEqual(Array(3).fill('RESERVATION_NOT_FOUND'));
    }
    const used = races.reduce((sum, { winners }) => sum + (winners[0] as number), 0);
    expect(await second().call<UsageStats>('getUsageStats', 'raced', 'daily')).toMatchObject({
      totalUsed: used,
      reservedTokens: 0,
      activeReservations: 0,
    });

    // Expired ones were told as such once, and exactly those were settled late.
    const told = new Map<string, ReservationSettlement>();
    for (const { args } of await settlements()) {
      if (ids.includes(args[0])) told.set(args[0], args[1]);
    }
    const late = ids.filter(id => told.get(id)?.late);
    await eventually('every expiry to be told', async () =>
      (await expiries()).filter(({ args }) => ids.includes(args[0].id)).length >= late.length
        ? true
        : undefined,
    );
    const expired = (await expiries()).map(({ args }) => args[0].id).filter(id => ids.includes(id));
    expect(expired.sort()).toEqual(late.sort());
    expect(late.length).toBeGreaterThan(0);
  });

  test('nobody settles: each expiry is told once over all processes, and nothing is recorded', async () => {
    const ids = await reserve('abandoned', 50, TTL_MS);
    await eventually('every expiry to be told', async () =>
      (await expiries()).filter(({ args }) => ids.includes(args[0].id)).length >= ids.length
        ? true
        : undefined,
    );
    const told = (await expiries()).map(({ args }) => args[0].id).filter(id => ids.includes(id));
    expect(told.sort()).toEqual([...ids].sort());
    expect(await second().call<UsageStats>('getUsageStats', 'abandoned')).toMatchObject({
      totalUsed: 0,
      reservedTokens: 0,
    });
  });

  test('usage reported a hundred times, by four processes, under one requestId is recorded once', async () => {
    const call = (total: number) =>
      [
        'trackUsage',
        {
          orchestratorId: 'requests',
          sessionId: 's',
          timestamp: { $later: 0 },
          promptTokens: total,
          completionTokens: 0,
          totalTokens: total,
          model: 'm',
          requestId: 'the-request',
        },
      ] as const;
    const outcomes = (
      await Promise.all(processes.map(one => one.all(Array.from({ length: 25 }, () => call(11)))))
    ).flat();
    expect(outcomes.filter(({ code }) => code !== undefined)).toEqual([]);
    expect(await second().call<UsageStats>('getUsageStats', 'requests')).toMatchObject({ totalUsed: 11 });
    expect((await second().all([call(12)]))[0]).toMatchObject({ code: 'REQUEST_CONFLICT' });
  });
});
