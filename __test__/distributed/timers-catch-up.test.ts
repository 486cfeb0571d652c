/** What was due while nobody ran fires when somebody does. */
import { join } from 'node:path';
import type { TimerInput } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore } from '../support/stores';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';
import { killTimers, openTimers, spread, tally } from '../support/timer-processes';

const TIMERS = 1_000;
const EVERY_MS = 100;

let store: TestStore;
let folder: TemporaryFolder;

beforeAll(async () => {
  store = await startStore('standalone');
  folder = temporaryFolder('timers-catch-up');
}, 60_000);
afterEach(killTimers);
afterAll(async () => {
  await store.stop();
  await folder.remove();
});

test.each([
  ['Redis', () => ({ redis: store.redis })],
  ['disk', () => ({ storage: join(folder.path, 'state.db') })],
])('of timers that do not recur each, of others as their catchUp says, on %s', async (_kind, place) => {
  const options = { ...place(), commandTimeout: 20_000, connectTimeout: 20_000 };
  const author = await openTimers({ ...options, run: false });
  const made = await author.create(spread(TIMERS, 500));
  const beginMs = Date.now();
  const recurring = (['once', 'all', 'none'] as const).map(
    (catchUp): TimerInput => ({ id: catchUp, name: 'recurs', every: EVERY_MS, catchUp }),
  );
  await author.create(recurring);
  await author.kill();
  // A dozen occurrences go by, and nobody runs.
  const pauseMs = 12 * EVERY_MS;
  await eventually('a pause', () => Date.now() >= beginMs + pauseMs || undefined);

  const runner = await openTimers(options);
  const of = (id: string) => runner.firings.filter(firing => firing.id === id);
  await eventually('everything', () =>
    runner.firings.length > TIMERS && ['once', 'all', 'none'].every(id => of(id).length > 2)
      ? true
      : undefined,
  );
  await Promise.all(['once', 'all', 'none'].map(id => runner.call('cancel', id)));
  const late = runner.firings.filter(({ id }) => !recurring.some(one => one.id === id));
  expect(new Set(late.map(({ id }) => id)).size).toBe(TIMERS);
  expect(late).toHaveLength(TIMERS);
  expect(tally([runner], made)).toMatchObject({ early: [] });

  // One event for all that were missed, and the number of them.
  const [once] = of('once');
  expect(once?.missed).toBeGreaterThanOrEqual(10);
  expect(once?.occurrence).toBe(1);
  // One for each: one period after the other, from the first on.
  const all = of('all').map(({ scheduledMs }) => scheduledMs);
  expect(all.length).toBeGreaterThanOrEqual(12);
  expect(all.map(at => at - (all[0] as number))).toEqual(all.map((_, n) => n * EVERY_MS));
  expect(of('all').every(({ missed }) => missed === 0)).toBe(true);
  // None of what is followed by another that is due.
  expect(of('none').every(({ firedMs, scheduledMs }) => firedMs < scheduledMs + EVERY_MS)).toBe(true);
  for (const id of ['once', 'all', 'none']) {
    expect(of(id).every(({ firedMs, scheduledMs }) => firedMs >= scheduledMs)).toBe(true);
    expect(new Set(of(id).map(({ deliveryId }) => deliveryId)).size).toBe(of(id).length);
  }
});
