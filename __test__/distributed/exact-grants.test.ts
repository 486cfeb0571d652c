/** However many processes ask at once, a budget is granted as far as it goes, and not a token further. */
import type { ReservationResult, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, openProcesses, type RemoteProcess, withinOneHour } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';

const PROCESSES = 8;
const EACH = 1000;
const TOKENS = 7;
/** Not a multiple of what is asked for: the rest must stay. */
const FITS = 2345;
const LIMIT = FITS * TOKENS + 3;

beforeAll(() => withinOneHour(60_000), 70_000);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster', 'sentinel'])(
  'on %s',
  topology => {
    let store: TestStore;
    let processes: RemoteProcess[] = [];

    beforeAll(async () => {
      store = await startStore(topology);
      processes = await openProcesses(PROCESSES, {
        defaultBudget: { hourly: LIMIT },
        orchestratorBudgets: { 'three-periods': { hourly: LIMIT * 2, daily: LIMIT, monthly: LIMIT * 3 } },
        commandTimeout: 20_000,
        redis: store.redis,
      });
      await Promise.all(processes.map(one => one.call('ready')));
    }, 60_000);

    afterAll(async () => {
      await endProcesses(processes);
      await store.stop();
    });

    async function askAll(orchestratorId: string, periods: string): Promise<ReservationResult[]> {
      const call = ['reserveTokens', orchestratorId, TOKENS, periods] as const;
      const calls = Array.from({ length: EACH }, () => call);
      const outcomes = (await Promise.all(processes.map(one => one.all<ReservationResult>(calls)))).flat();
      expect(outcomes.filter(({ code }) => code !== undefined)).toEqual([]);
      return outcomes.map(({ value }) => value as ReservationResult);
    }

    const stats = (orchestratorId: string, period: string) =>
      (processes[0] as RemoteProcess).call<UsageStats>('getUsageStats', orchestratorId, period);

    test('8 processes with 1,000 concurrent reservations each on one budget are granted exactly what fits', async () => {
      const results = await askAll('one-period', 'hourly');
      const granted = results.filter(({ success }) => success);
      expect(granted).toHaveLength(FITS);
      expect(new Set(granted.map(({ reservationId }) => reservationId)).size).toBe(FITS);
      expect(await stats('one-period', 'hourly')).toMatchObject({
        totalUsed: 0,
        reservedTokens: FITS * TOKENS,
        remaining: 3,
        activeReservations: FITS,
      });
      const total = store.key('orchestrator', 'one-period', 'hourly:reservations:total');
      expect(await store.read('GET', total)).toBe(String(FITS * TOKENS));
    }, 60_000);

    test(`the same over all periods: the tightest decides, and all hold the same`, async () => {
      const results = await askAll('three-periods', 'all');
      const granted = results.filter(({ success }) => success);
      expect(granted).toHaveLength(FITS);
      expect(new Set(results.filter(({ success }) => !success).map(({ period }) => period))).toEqual(
        new Set(['daily']),
      );
      for (const period of ['hourly', 'daily', 'monthly']) {
        expect(await stats('three-periods', period)).toMatchObject({
          reservedTokens: FITS * TOKENS,
          activeReservations: FITS,
        });
      }
    }, 60_000);

    test('8 processes settling what they were granted record exactly what they used', async () => {
      const held = await Promise.all(
        processes.map(one =>
          one.all<ReservationResult>(
            Array.from({ length: 200 }, () => ['reserveTokens', 'settled', TOKENS, 'all'] as const),
          ),
        ),
      );
      // Each is settled by another process than the one that reserved.
      await Promise.all(
        held.map((outcomes, index) =>
          (processes[(index + 1) % PROCESSES] as RemoteProcess)
            .all(
              outcomes.map(
                ({ value }, at) => ['releaseReservation', value?.reservationId, (at % 5) * index] as const,
              ),
            )
            .then(ended => expect(ended.filter(({ code }) => code !== undefined)).toEqual([])),
        ),
      );
      const used = 28 * 40 * 10;
      for (const period of ['hourly', 'daily', 'monthly']) {
        expect(await stats('settled', period)).toMatchObject({
          totalUsed: used,
          reservedTokens: 0,
          activeReservations: 0,
        });
        const key = store.key('orchestrator', 'settled', `${period}:usage`);
        expect(await store.read('GET', key)).toBe(String(used));
      }
    }, 60_000);
  },
);
