/** Thousands of orchestrators that nobody calls any more: their tokens come back in time, and the index empties. */
import { type ReservationResult, TokenBudgetTracker, type TokenReservation } from '@wundr.io/token-budget';
import { endProcesses, openProcess, type RemoteProcess } from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

/** The second that is promised, and what a busy machine with a whole cluster on it takes to hear of it. */
const LATE_MAX_MS = 2_000;

const MANY = 3000;
const TTL_MS = 2500;
const INDEX = 'orchestrator:budget:expiring';

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  let store: TestStore;
  const trackers: TokenBudgetTracker[] = [];
  const processes: RemoteProcess[] = [];

  beforeAll(async () => {
    store = await startStore(topology);
  }, 60_000);

  afterEach(async () => {
    await endProcesses(processes.splice(0));
    await Promise.all(trackers.splice(0).map(tracker => tracker.close()));
  });
  afterAll(() => store?.stop());

  const config = () => ({ commandTimeout: 10_000, redis: store.redis });

  async function open(): Promise<TokenBudgetTracker> {
    const tracker = new TokenBudgetTracker(config());
    trackers.push(tracker);
    await tracker.ready();
    return tracker;
  }

  /** By how much each expiry is told late. */
  function listen(tracker: TokenBudgetTracker): number[] {
    const late: number[] = [];
    tracker.on('reservation:expired', ({ expiresAt }: TokenReservation) => {
      late.push(Date.now() - expiresAt.getTime());
    });
    return late;
  }

  const allTold = (late: number[]) =>
    eventually(`${MANY} expiries`, () => late.length >= MANY || undefined, { timeoutMs: 30_000 });

  const indexIs = (size: number) =>
    eventually(
      `${size} entries in the index`,
      async () => (await store.read('ZCARD', INDEX)) === size || undefined,
      { timeoutMs: 20_000, everyMs: 100 },
    );

  test('all that expires together is told within a second', async () => {
    const tracker = await open();
    const late = listen(tracker);
    const held = await Promise.all(
      names('living', MANY).map(id => tracker.reserveTokens(id, 1, 'hourly', { ttl: TTL_MS })),
    );
    expect(held.every(({ success }) => success)).toBe(true);
    await allTold(late);
    expect(late).toHaveLength(MANY);
    expect(Math.max(...late)).toBeLessThan(LATE_MAX_MS);
    await indexIs(0);
  }, 60_000);

  test('also when the process that held it is gone', async () => {
    const survivor = await open();
    const late = listen(survivor);
    const victim = await openProcess(config());
    processes.push(victim);
    const held = await victim.all<ReservationResult>(
      names('killed', MANY).map(id => ['reserveTokens', id, 1, 'hourly', { ttl: TTL_MS }] as const),
    );
    await victim.worker.kill('SIGKILL');
    expect(held.every(({ value }) => value?.success)).toBe(true);
    await allTold(late);
    expect(late).toHaveLength(MANY);
    expect(Math.max(...late)).toBeLessThan(LATE_MAX_MS);
    await indexIs(0);
  }, 60_000);

  test('who holds nothing any more leaves the index long before the expiry, who does stays', async () => {
    const [tracker, other] = await Promise.all([open(), open()]);
    const settled = await Promise.all(names('settled', 5000).map(id => tracker.reserveTokens(id, 1)));
    // Of another process, on orchestrators of which the first one knows nothing any more.
    const kept = await Promise.all(names('settled', 10).map(id => other.reserveTokens(id, 1)));
    await Promise.all(settled.map(({ reservationId }) => tracker.releaseReservation(reservationId ?? '', 0)));
    await indexIs(10);
    await Promise.all(kept.map(({ reservationId }) => other.releaseReservation(reservationId ?? '', 0)));
    await indexIs(0);
  }, 60_000);
});
