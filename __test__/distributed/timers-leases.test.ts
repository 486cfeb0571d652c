/** What a killed process had claimed comes back to the others when its lease ends, and not much later. */
import { join } from 'node:path';
import { createTokenCoordinator, type TimerExpiredEvent } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore } from '../support/stores';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';
import { killTimers, LEASE_MS, openTimers, spread, tally } from '../support/timer-processes';

const TIMERS = 800;
const NEVER_MS = 3_600_000;

let store: TestStore;
let folder: TemporaryFolder;

beforeAll(async () => {
  store = await startStore('standalone');
  folder = temporaryFolder('timers-leases');
}, 60_000);
afterAll(async () => {
  await killTimers();
  await store.stop();
  await folder.remove();
});

/** How much later than `atMs` a timer of this process, which nobody claimed before, fires: a busy machine is late, too. */
async function lateness(atMs: number): Promise<number> {
  const control = createTokenCoordinator({ redis: { ...store.redis, keyPrefix: `control-${atMs}` } });
  const events: TimerExpiredEvent[] = [];
  control.on('timer:expired', event => events.push(event));
  await control.timers.create({ name: 'control', fireAt: atMs });
  const event = await eventually('the control', () => events[0], { timeoutMs: LEASE_MS + 20_000 });
  await control.close();
  return event.firedAt.getTime() - atMs;
}

const kinds: Array<[string, () => object, boolean]> = [
  ['Redis', () => ({ redis: store.redis }), true],
  ['disk', () => ({ storage: join(folder.path, 'state.db') }), false],
];

// Each waits for a whole lease, so they wait together.
test.concurrent.each(kinds)(
  'on %s',
  async (_kind, place, isShared) => {
    const options = { ...place(), commandTimeout: 20_000, connectTimeout: 20_000 };
    const victim = await openTimers(options, { lingerMs: NEVER_MS });
    const made = await victim.create(spread(TIMERS, 1));
    await victim.fires(TIMERS);
    // On disk the next process is there only when the first is gone.
    const early = isShared ? await openTimers(options) : undefined;
    const lastClaimedMs = Math.max(...victim.firings.map(({ firedMs }) => firedMs));
    const controlled = lateness(lastClaimedMs + LEASE_MS);
    await victim.kill();
    const heir = early ?? (await openTimers(options));
    await heir.fires(TIMERS, LEASE_MS + 30_000);
    const { timers, doubles, early: tooSoon, unstable } = tally([victim, heir], made);
    expect({ timers, doubles, tooSoon, unstable }).toEqual({
      timers: TIMERS,
      doubles: TIMERS,
      tooSoon: [],
      unstable: [],
    });
    const firstClaimedMs = Math.min(...victim.firings.map(({ firedMs }) => firedMs));
    const returned = heir.firings.map(({ firedMs }) => firedMs);
    expect(Math.min(...returned)).toBeGreaterThanOrEqual(firstClaimedMs + LEASE_MS);
    expect(Math.max(...returned)).toBeLessThanOrEqual(lastClaimedMs + LEASE_MS + 1_000 + (await controlled));
  },
  120_000,
);
