/** Servers that stop, pause and come back: nothing reported is lost, and no process restarts. */
import type { BudgetCheck, ReservationResult, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, later, openProcess, type RemoteProcess, usage, withinOneHour } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const TIMEOUT_MS = 500;

beforeAll(() => withinOneHour(90_000), 100_000);

let store: TestStore;
const processes: RemoteProcess[] = [];

async function open(config: object = {}): Promise<RemoteProcess> {
  const one = await openProcess({
    defaultBudget: { hourly: 1_000_000 },
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 2000,
    ...config,
    redis: store.redis,
  });
  processes.push(one);
  await one.call('ready', { timeout: 10_000 });
  return one;
}

const stats = (one: RemoteProcess, orchestratorId: string) =>
  eventually('statistics', () =>
    one.call<UsageStats>('getUsageStats', orchestratorId).catch(() => undefined),
  );

const stopAll = () => Promise.all(store.servers.map(server => server.kill()));
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

afterEach(() => endProcesses(processes.splice(0)));
afterAll(() => store?.stop());

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology, { args: DURABLE });
  }, 60_000);

  test('stopped and started: what was reported and settled meanwhile is recorded once', async () => {
    const id = 'stopped';
    const [one, two] = await Promise.all([open(), open()]);
    const held = await Promise.all(
      [one, two].map(member =>
        member.all<ReservationResult>(
          Array.from({ length: 20 }, () => ['reserveTokens', id, 50, 'all'] as const),
        ),
      ),
    );
    await one.track(id, 1000);
    const reservations = held.flat().map(({ value }) => value?.reservationId);
    expect(new Set(reservations).size).toBe(40);

    await stopAll();
    await Promise.all([one.hears('store:disconnected'), two.hears('store:disconnected')]);
    const reported = await Promise.all(
      [one, two].map((member, index) =>
        member.all([
          ...Array.from({ length: 30 }, (_, n) => ['trackUsage', usage(id, n)] as const),
          // Each settles what the other one reserved.
          ...reservations
            .slice(index === 0 ? 20 : 0, index === 0 ? 40 : 20)
            .map(reservation => ['releaseReservation', reservation, 7] as const),
        ]),
      ),
    );
    expect(reported.flat().filter(({ code }) => code !== undefined)).toEqual([]);
    expect(await one.heard('usage:spooled')).toHaveLength(50);
    expect(await one.heard('usage:tracked')).toHaveLength(1);

    await startAll();
    await Promise.all([one.hears('store:connected', 2), two.hears('store:connected', 2)]);
    await Promise.all([one.hears('usage:tracked', 51), two.hears('usage:tracked', 50)]);
    const used = 1000 + 2 * 435 + 40 * 7;
    expect(await stats(two, id)).toMatchObject({
      totalUsed: used,
      reservedTokens: 0,
      activeReservations: 0,
    });
    expect(await store.read('GET', store.key('orchestrator', id, 'monthly:usage'))).toBe(String(used));
    expect(await one.heard('usage:tracked')).toHaveLength(51);
    expect(await one.heard('error')).toEqual([]);
  }, 60_000);

  test('paused: every operation ends in time, and what timed out does not happen later', async () => {
    const id = 'paused';
    const one = await open();
    const { reservationId } = await one.call<ReservationResult>('reserveTokens', id, 10);
    const other = await one.call<ReservationResult>('reserveTokens', id, 10);
    pauseAll();
    const override = { orchestratorId: id, period: 'hourly', additionalTokens: 5, reason: '', createdBy: '' };
    const [track, settle, release, ...rest] = await one.all(
      [
        ['trackUsage', usage(id, 300)],
        ['releaseReservation', reservationId, 4],
        ['releaseReservation', other.reservationId, 0],
        ['checkBudget', id, 1],
        ['reserveTokens', id, 100],
        ['reserveTokens', id, 100, 'all'],
        ['getUsageStats', id],
        ['getUsageHistory', id],
        ['setBudget', id, { hourly: 1 }],
        ['setBudgetOverride', { ...override, expiresAt: later(60_000) }],
        ['removeOverride', id, 'x'],
        ['listOverrides', id],
        ['getBudget', id],
        ['listReservations', id],
        ['clearThresholdCache', id],
      ],
      TIMEOUT_MS,
    );
    for (const spooled of [track, settle, release]) expect(spooled).not.toHaveProperty('code');
    expect(rest.map(({ code }) => code)).toEqual(rest.map(() => 'TIMEOUT'));
    // Beyond a timer of the same process that was set for the same time.
    for (const { beyondMs } of [track, settle, release, ...rest]) expect(beyondMs).toBeLessThan(100);
    expect(await one.call('healthCheck')).toBe(false);

    resumeAll();
    await one.hears('usage:tracked', 2);
    await eventually('both settlements', async () =>
      (await one.heard('reservation:released')).length === 2 ? true : undefined,
    );
    expect(await stats(one, id)).toMatchObject({
      totalUsed: 304,
      reservedTokens: 0,
      activeReservations: 0,
      limit: 1_000_000,
    });
    expect(await one.call('listOverrides', id)).toEqual([]);
    expect(await one.call('getBudget', id)).toMatchObject({ source: 'configured' });
    expect(Number(await store.read('GET', store.key('orchestrator', id, 'hourly:reservations:total')))).toBe(
      0,
    );
  }, 60_000);
});

describe('what callers are told meanwhile', () => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore('standalone', { args: DURABLE });
  }, 60_000);

  test('beyond spoolLimit: STORE_UNAVAILABLE, and not counted', async () => {
    const one = await open({ spoolLimit: 10 });
    await one.track('bounded', 1);
    await stopAll();
    await one.hears('store:disconnected');
    const outcomes = await one.all(
      Array.from({ length: 25 }, () => ['trackUsage', usage('bounded', 3)] as const),
    );
    const refused = outcomes.filter(({ code }) => code !== undefined);
    expect(refused.map(({ code }) => code)).toEqual(Array(15).fill('STORE_UNAVAILABLE'));
    expect(await one.heard('usage:spooled')).toHaveLength(10);
    await startAll();
    await one.hears('usage:tracked', 11);
    // The room is there again.
    await one.track('bounded', 100);
    expect(await stats(one, 'bounded')).toMatchObject({ totalUsed: 131 });
  }, 60_000);

  test(`onStoreError: 'allow' grants what holds nothing, and its settle is recorded once`, async () => {
    const one = await open({ onStoreError: 'allow' });
    const two = await open();
    await one.track('allowed', 1);
    await stopAll();
    await one.hears('store:disconnected');
    const [check, reserved, unused] = await one.all<ReservationResult & BudgetCheck>(
      [
        ['checkBudget', 'allowed', 5],
        ['reserveTokens', 'allowed', 50, 'all'],
        ['reserveTokens', 'allowed', 60],
      ],
      TIMEOUT_MS,
    );
    expect(check?.value).toMatchObject({ allowed: true, storeUnavailable: true });
    expect(reserved?.value).toMatchObject({ success: true, storeUnavailable: true });
    expect(unused?.value).toMatchObject({ success: true, storeUnavailable: true });
    for (const { beyondMs } of [check, reserved, unused].flatMap(outcome => outcome ?? [])) {
      expect(beyondMs).toBeLessThan(100);
    }
    const id = reserved?.value?.reservationId;
    await startAll();
    await one.hears('store:connected', 2);
    expect(await stats(one, 'allowed')).toMatchObject({ totalUsed: 1, reservedTokens: 0 });
    await two.hears('store:connected', 2);
    // By another process, which knows the id alone.
    await two.call('releaseReservation', id, 42);
    expect(await two.heard('reservation:released')).toMatchObject([
      { args: [id, { reserved: 0, actual: 42, recorded: 42, late: false }] },
    ]);
    expect((await two.heard('usage:tracked')).map(({ args }) => args[0])).toMatchObject([
      { orchestratorId: 'allowed', totalTokens: 42 },
    ]);
    const again = await Promise.all(
      [one, two].map((member, index) => member.all([['releaseReservation', id, 42 + index]])),
    );
    expect(again.flat().map(({ code }) => code)).toEqual(Array(2).fill('RESERVATION_NOT_FOUND'));
    expect(again[0]?.[0]?.message).toBe(`Reservation not found: ${id}`);
    await one.call('releaseReservation', unused?.value?.reservationId, 0);
    expect(await one.heard('reservation:released')).toMatchObject([
      { args: [unused?.value?.reservationId, { reserved: 0, actual: 0, recorded: 0 }] },
    ]);
    for (const period of ['hourly', 'daily', 'monthly']) {
      expect(await one.call('getUsageStats', 'allowed', period)).toMatchObject({ totalUsed: 43 });
    }
  }, 60_000);

  test('what was granted meanwhile is settled under the request id of its caller, once', async () => {
    const [one, two, releasing] = [
      await open({ onStoreError: 'allow' }),
      await open(),
      await open({ settle: 'release-only' }),
    ];
    await one.track('named', 1);
    await stopAll();
    await one.hears('store:disconnected');
    const reserved = await one.all<ReservationResult>([
      ['reserveTokens', 'named', 100],
      ['reserveTokens', 'named', 100],
      ['reserveTokens', 'named', 100],
    ]);
    const [first, second, third] = reserved.map(({ value }) => value?.reservationId);
    await startAll();
    await Promise.all([one, two, releasing].map(member => member.hears('store:connected', 2)));

    await one.call('releaseReservation', first, 100, { requestId: 'r1', promptTokens: 100 });
    await two.track('named', 100, { requestId: 'r1', promptTokens: 100 });
    expect(await stats(two, 'named')).toMatchObject({ totalUsed: 101 });
    const history = await two.call<{ requestId?: string }[]>('getUsageHistory', 'named');
    expect(history.map(({ requestId }) => requestId)).toEqual(['r1', undefined]);

    // A duplicate ends the reservation, and so does a release that records nothing.
    await two.call('releaseReservation', second, 100, { requestId: 'r1', promptTokens: 100 });
    await releasing.call('releaseReservation', third, 100);
    const again = await Promise.all(
      [one, two, releasing].map(member =>
        member.all(
          [first, second, third].flatMap(id => [0, 7].map(actual => ['releaseReservation', id, actual])),
        ),
      ),
    );
    expect(again.flat().map(({ code }) => code)).toEqual(Array(18).fill('RESERVATION_NOT_FOUND'));
    expect(await stats(two, 'named')).toMatchObject({ totalUsed: 101, reservedTokens: 0 });

    // The id of a reservation that is held is no such id, whatever stands before it.
    const { reservationId } = await one.call<ReservationResult>('reserveTokens', 'named', 50);
    const [disguised] = await one.all([['releaseReservation', `~${reservationId}`, 30]]);
    expect(disguised?.code).toBe('RESERVATION_NOT_FOUND');
    expect(await stats(one, 'named')).toMatchObject({ totalUsed: 101, reservedTokens: 50 });
  }, 60_000);

  test.each([
    ['reject', { code: 'STORE_UNAVAILABLE' }, { code: 'STORE_UNAVAILABLE' }],
    [
      'deny',
      { value: { allowed: false, storeUnavailable: true } },
      { value: { success: false, storeUnavailable: true } },
    ],
  ])(
    `onStoreError: '%s' while stopped, and as ever afterwards`,
    async (onStoreError, check, reserve) => {
      const one = await open({ onStoreError });
      await stopAll();
      await one.hears('store:disconnected');
      const outcomes = await one.all([
        ['checkBudget', 'answered', 1],
        ['reserveTokens', 'answered', 1],
      ]);
      expect(outcomes).toMatchObject([check, reserve]);
      await startAll();
      await one.hears('store:connected', 2);
      expect(await one.call('checkBudget', 'answered', 1)).toMatchObject({ allowed: true });
      expect(await stats(one, 'answered')).toMatchObject({ reservedTokens: 0 });
    },
    60_000,
  );

  test('close while the server is away ends in time and tells what is lost', async () => {
    const one = await open();
    await one.track('closed', 1);
    await stopAll();
    await one.hears('store:disconnected');
    await one.all(Array.from({ length: 7 }, () => ['trackUsage', usage('closed', 3)] as const));
    const [closed, after] = await one.all(
      [
        ['close', { timeout: 300 }],
        ['trackUsage', usage('closed', 1)],
      ],
      300,
    );
    expect(closed).not.toHaveProperty('code');
    expect(closed?.beyondMs).toBeLessThan(500);
    expect(after).toMatchObject({ code: 'CLOSED' });
    expect((await one.heard('store:warning')).map(({ args }) => args[0].message)).toEqual([
      '7 reported usages could not be delivered',
    ]);
    one.worker.disconnect();
    expect(await one.worker.ended).toBe(0);
    await startAll();
    const two = await open();
    expect(await stats(two, 'closed')).toMatchObject({ totalUsed: 1 });
  }, 60_000);

  test('close waits for a server that comes back in time', async () => {
    const one = await open();
    await stopAll();
    await one.hears('store:disconnected');
    await one.all(Array.from({ length: 7 }, () => ['trackUsage', usage('in-time', 3)] as const));
    const closing = one.call('close', { timeout: 20_000 });
    await startAll();
    await closing;
    expect(await one.heard('usage:tracked')).toHaveLength(7);
    expect(await one.heard('store:warning')).toEqual([]);
    const two = await open();
    expect(await stats(two, 'in-time')).toMatchObject({ totalUsed: 21 });
  }, 60_000);

  test('a tracker opened while the server is away takes usage, and delivers it', async () => {
    await stopAll();
    const one = await openProcess({ connectTimeout: 300, commandTimeout: TIMEOUT_MS, redis: store.redis });
    processes.push(one);
    await one.track('early', 5);
    await one.hears('usage:spooled');
    await startAll();
    await one.hears('usage:tracked');
    expect(await stats(one, 'early')).toMatchObject({ totalUsed: 5 });
  }, 60_000);
});
