/** kill -9 of a process that holds reservations: its tokens are back within a second of their expiry. */
import type { BudgetCheck, ReservationResult } from '@wundr.io/token-budget';
import { endProcesses, openProcess, type RemoteProcess, withinOneHour } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const LIMIT = 1000;
const TTL_MS = 1500;

beforeAll(() => withinOneHour(45_000), 60_000);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  let store: TestStore;
  const processes: RemoteProcess[] = [];

  const open = async () => {
    const one = await openProcess({
      defaultBudget: { hourly: LIMIT },
      commandTimeout: 10_000,
      redis: store.redis,
    });
    processes.push(one);
    await one.call('ready');
    return one;
  };

  beforeAll(async () => {
    store = await startStore(topology);
  }, 60_000);

  afterEach(() => endProcesses(processes.splice(0)));
  afterAll(() => store.stop());

  const total = async (orchestratorId: string) =>
    Number(
      (await store.read('GET', store.key('orchestrator', orchestratorId, 'hourly:reservations:total'))) ?? 0,
    );

  /** Resolves with the instant at which the counter on the server came down to `tokens`. */
  const comesDownTo = (orchestratorId: string, tokens: number) =>
    eventually(`${tokens} tokens held on the server`, async () =>
      (await total(orchestratorId)) === tokens ? Date.now() : undefined,
    );

  test('tokens are back within TTL + 1 s, and a survivor tells it, though nobody calls', async () => {
    const [survivor, ...victims] = await Promise.all([open(), open(), open()]);
    // Of another process, and lasting: the counter must come down while the key stays.
    await survivor.call('reserveTokens', 'fleet', 100);
    const held = await Promise.all(
      victims.map(victim =>
        victim.all<ReservationResult>([
          ['reserveTokens', 'fleet', 200, 'hourly', { ttl: TTL_MS }],
          ['reserveTokens', 'fleet', 250, 'hourly', { ttl: TTL_MS }],
        ]),
      ),
    );
    const reservations = held.flat().map(({ value }) => value as ReservationResult);
    expect(reservations.map(({ success }) => success)).toEqual([true, true, true, true]);
    expect(await total('fleet')).toBe(LIMIT);
    await Promise.all(victims.map(({ worker }) => worker.kill('SIGKILL')));

    const backAt = await comesDownTo('fleet', 100);
    const expiresAt = reservations.map(({ reservation }) => Date.parse(String(reservation?.expiresAt)));
    expect(backAt).toBeGreaterThanOrEqual(Math.min(...expiresAt));
    expect(backAt - Math.max(...expiresAt)).toBeLessThan(1000);

    const told = await survivor.hears('reservation:expired', 4);
    expect(told.map(({ args }) => args[0].id).sort()).toEqual(
      reservations.map(({ reservationId }) => reservationId).sort(),
    );
    expect(told[0]?.args[0]).toMatchObject({ orchestratorId: 'fleet', period: 'hourly' });
    for (const { at } of told) expect(at - Math.max(...expiresAt)).toBeLessThan(1000);

    const other = await open();
    expect(await other.call<BudgetCheck>('checkBudget', 'fleet', 900)).toMatchObject({
      allowed: true,
      available: 900,
    });
  });

  test('also when it is killed the moment it has its reservation', async () => {
    const survivor = await open();
    const victims = await Promise.all(Array.from({ length: 4 }, open));
    const ids = victims.map((_, index) => `at-once-${index}`);
    await survivor.all(ids.map(id => ['reserveTokens', id, 1] as const));
    const expiresAt = await Promise.all(
      victims.map(async ({ call, worker }, index) => {
        const { reservation } = await call<ReservationResult>('reserveTokens', ids[index], 500, 'hourly', {
          ttl: TTL_MS,
        });
        await worker.kill('SIGKILL');
        return Date.parse(String(reservation?.expiresAt));
      }),
    );
    const backAt = await Promise.all(ids.map(id => comesDownTo(id, 1)));
    expect(backAt.map((at, index) => at - (expiresAt[index] as number) < 1000)).toEqual(ids.map(() => true));
    await survivor.hears('reservation:expired', ids.length);
  });

  test('a process that is killed while reserving leaves nothing held behind', async () => {
    const [survivor, victim] = await Promise.all([open(), open()]);
    await survivor.call('reserveTokens', 'burst', 1);
    const unanswered = victim
      .all(
        Array.from({ length: 500 }, () => ['reserveTokens', 'burst', 1, 'hourly', { ttl: TTL_MS }] as const),
      )
      .catch(() => 'killed');
    await eventually('its first reservation', async () => ((await total('burst')) > 1 ? true : undefined));
    await victim.worker.kill('SIGKILL');
    await unanswered;
    const killedAt = Date.now();
    const backAt = await comesDownTo('burst', 1);
    expect(backAt - killedAt).toBeLessThan(TTL_MS + 1000);
  });

  test('also when the index had forgotten the orchestrator since the process last told it', async () => {
    const [victim, survivor] = await Promise.all([open(), open()]);
    const ttl = 2 * TTL_MS;
    const first = await victim.call<ReservationResult>('reserveTokens', 'forgotten', 10, 'hourly', { ttl });
    await victim.call('releaseReservation', first.reservationId, 0);
    // A shorter reservation expires, is swept, and takes the entry of the index along.
    await survivor.call('reserveTokens', 'forgotten', 10, 'hourly', { ttl: 50 });
    await eventually('the end of the index entry', async () =>
      (await store.read('ZSCORE', 'orchestrator:budget:expiring', 'forgotten')) === null ? true : undefined,
    );
    await survivor.call('reserveTokens', 'forgotten', 1, 'hourly', { ttl: 60_000 });
    const { reservation } = await victim.call<ReservationResult>(
      'reserveTokens',
      'forgotten',
      500,
      'hourly',
      {
        ttl,
      },
    );
    const expiresAt = Date.parse(String(reservation?.expiresAt));
    await eventually('the index to know of it', async () => {
      const score = await store.read('ZSCORE', 'orchestrator:budget:expiring', 'forgotten');
      return Number(score) <= expiresAt || undefined;
    });
    await victim.worker.kill('SIGKILL');
    const backAt = await comesDownTo('forgotten', 1);
    expect(backAt - expiresAt).toBeLessThan(1000);
  });

  test('a survivor that comes only after the expiry gives the tokens back as well', async () => {
    const victim = await open();
    const { reservation } = await victim.call<ReservationResult>('reserveTokens', 'alone', LIMIT, 'hourly', {
      ttl: TTL_MS,
    });
    await victim.worker.kill('SIGKILL');
    const index = 'orchestrator:budget:expiring';
    await eventually(
      'the expiry',
      () => Date.now() > Date.parse(String(reservation?.expiresAt)) || undefined,
    );
    const survivor = await open();
    expect(await survivor.call<BudgetCheck>('checkBudget', 'alone', LIMIT)).toMatchObject({ allowed: true });
    const [told] = await survivor.hears('reservation:expired');
    expect(told?.args[0].id).toBe(reservation?.id);
    await eventually('the end of the index entry', async () =>
      (await store.read('ZSCORE', index, 'alone')) === null ? true : undefined,
    );
  });
});
