/** One process of many fires each timer, as long as nobody dies. */
import type { CoordinatorOptions } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { allFired, killTimers, openTimers, spread, tally } from '../support/timer-processes';

const PROCESSES = 8;
const TIMERS = 5_000;

let store: TestStore | undefined;

afterEach(async () => {
  await killTimers();
  await store?.stop();
});

test.each<Topology>(['standalone', 'cluster'])(
  '8 processes, 5,000 timers on %s: each fires exactly once',
  async topology => {
    store = await startStore(topology);
    const options: CoordinatorOptions = {
      redis: store.redis,
      commandTimeout: 20_000,
      connectTimeout: 20_000,
    };
    const all = await Promise.all(Array.from({ length: PROCESSES }, () => openTimers(options)));
    const parts = await Promise.all(
      all.map((one, part) => one.create(spread(TIMERS / PROCESSES, 2_000, 2_000, `p${part}-`))),
    );
    const made = parts.flat();
    await allFired(
      made.map(({ id }) => id),
      all,
      60_000,
    );
    // What fires twice would do so before its end has been confirmed.
    await Promise.all(all.map(one => one.worker.call('close')));
    expect(tally(all, made)).toEqual({ timers: TIMERS, doubles: 0, early: [], unstable: [] });
    expect(all.flatMap(one => one.told('error'))).toEqual([]);
  },
  120_000,
);
