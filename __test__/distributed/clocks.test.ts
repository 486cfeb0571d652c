/** Hosts whose clocks are an hour apart agree: the store's clock decides. */
import type { ReservationResult, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, openProcess, type RemoteProcess, usage, withinOneHour } from '../support/fleet';
import { makeServerClock } from '../support/server-clock';
import { startStore, type TestStore } from '../support/stores';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

const HOUR_MS = 3_600_000;
const TTL_MS = 1000;

let store: TestStore;
let folder: TemporaryFolder;

beforeAll(async () => {
  await withinOneHour(30_000);
  store = await startStore('standalone');
  folder = temporaryFolder('clocks');
}, 60_000);

afterAll(async () => {
  await store.stop();
  await folder.remove();
});

const config = () => ({
  defaultBudget: { hourly: 10_000, daily: 20_000 },
  commandTimeout: 10_000,
  redis: store.redis,
});

/** JavaScript's clock alone is wrong. */
const shiftedDate = (shiftMs: number) => openProcess(config(), { clockShiftMs: shiftMs });

/** The clock of the whole process is wrong, native code included. */
function shiftedHost(shiftMs: number): Promise<RemoteProcess> {
  const clock = makeServerClock(folder.path);
  clock.shift(shiftMs);
  return openProcess(config(), { env: clock.env });
}

const onLinux = process.platform === 'linux' ? [['of the whole process', shiftedHost] as const] : [];

describe.each([['of JavaScript', shiftedDate] as const, ...onLinux])('the clock %s', (kind, open) => {
  let fast: RemoteProcess;
  let slow: RemoteProcess;

  beforeAll(async () => {
    // One after the other: they may share the file that says how wrong.
    fast = await open(HOUR_MS);
    await fast.call('ready');
    slow = kind === 'of JavaScript' ? await open(-HOUR_MS) : await openProcess(config());
    await slow.call('ready');
  }, 30_000);

  afterAll(() => endProcesses([fast, slow]));

  test('is really wrong', async () => {
    const [ahead, behind] = await Promise.all([fast, slow].map(one => one.worker.call<number>('now')));
    expect((ahead as number) - (behind as number)).toBeGreaterThan(HOUR_MS - 10_000);
  });

  test('both see the same windows, and they are the ones of the server', async () => {
    for (const period of ['hourly', 'daily', 'monthly']) {
      const [one, two] = await Promise.all(
        [fast, slow].map(member => member.call<UsageStats>('getUsageStats', 'windows', period)),
      );
      expect(one).toEqual(two);
      expect(Date.parse(String(one?.periodStart))).toBeLessThanOrEqual(Date.now());
      expect(Date.parse(String(one?.periodEnd))).toBeGreaterThan(Date.now());
    }
  });

  test(`usage with each one's own new Date() counts in the current window, for both`, async () => {
    const id = `usage ${kind}`;
    await fast.track(id, 300);
    await slow.track(id, 500);
    for (const one of [fast, slow]) {
      for (const period of ['hourly', 'daily', 'monthly']) {
        expect(await one.call('getUsageStats', id, period)).toMatchObject({ totalUsed: 800 });
      }
    }
    // An hour before one's own now is an hour ago, on either host.
    for (const one of [fast, slow]) {
      await one.call('trackUsage', { ...usage(id, 1000), timestamp: { $later: -HOUR_MS } });
    }
    expect(await fast.call('getUsageStats', id)).toMatchObject({ totalUsed: 800 });
    expect(await fast.call('getUsageStats', id, 'monthly')).toMatchObject({ totalUsed: expect.any(Number) });
  });

  test('a budget is shared, and reservations expire by the clock of the server', async () => {
    const id = `shared ${kind}`;
    const began = Date.now();
    const [one, two] = await Promise.all(
      [fast, slow].map(member =>
        member.call<ReservationResult>('reserveTokens', id, 5000, 'all', { ttl: TTL_MS }),
      ),
    );
    expect([one?.success, two?.success]).toEqual([true, true]);
    expect(await slow.call('reserveTokens', id, 1)).toMatchObject({ success: false, retryable: true });
    for (const result of [one, two]) {
      const expiresAt = Date.parse(String(result?.reservation?.expiresAt));
      expect(Math.abs(expiresAt - (began + TTL_MS))).toBeLessThan(10_000);
    }
    const told = [...(await fast.hears('reservation:created')), ...(await slow.hears('reservation:created'))];
    expect(told.length).toBeGreaterThanOrEqual(2);
    await waitForExpiries([one?.reservationId, two?.reservationId]);
    expect(await fast.call('checkBudget', id, 10_000)).toMatchObject({ allowed: true });
    expect(await slow.call('checkBudget', id, 10_000)).toMatchObject({ allowed: true });
  });

  async function waitForExpiries(ids: (string | undefined)[]) {
    await eventually('both expiries', async () => {
      const heard = [fast, slow].map(one => one.heard('reservation:expired'));
      const told = (await Promise.all(heard)).flat().filter(({ args }) => ids.includes(args[0].id));
      return told.length >= 2 ? true : undefined;
    });
  }
});
