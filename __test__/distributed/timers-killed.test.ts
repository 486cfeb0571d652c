/** Processes that fire timers are killed one after the other while 10,000 are due: none is lost, none is early. */
import type { CoordinatorOptions } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';
import {
  allEnded,
  allFired,
  killTimers,
  LEASE_MS,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const PROCESSES = 4;
/** So long they are due one after the other. */
const WITHIN_MS = 15_000;
/** A process that fires nothing is killed all the same: later ones have less and less to do. */
const PATIENCE_MS = 1_000;

const stores: TestStore[] = [];

afterAll(async () => {
  await killTimers();
  await Promise.all(stores.map(store => store.stop()));
});

// Both wait for leases to end, so they wait together.
test.concurrent.each<[number, Topology, number]>([
  [10_000, 'standalone', 24],
  [2_000, 'cluster', 8],
])(
  '%i timers on %s, kill -9 of one of four %i times',
  async (count, topology, kills) => {
    const store = await startStore(topology);
    stores.push(store);
    const options: CoordinatorOptions = {
      redis: store.redis,
      commandTimeout: 20_000,
      connectTimeout: 20_000,
    };
    const author = await openTimers({ ...options, run: false });
    // What listens for a while has been printed and not been confirmed when its process is killed.
    const runner = () => openTimers(options, { lingerMs: 50 });
    const running = await Promise.all(Array.from({ length: PROCESSES }, runner));
    const all: TimerProcess[] = [...running];
    const made = await author.create(spread(count, WITHIN_MS, 2_000));
    expect(made).toHaveLength(count);

    for (let kill = 0; kill < kills; kill++) {
      const at = kill % PROCESSES;
      const victim = running[at] as TimerProcess;
      const untilMs = Date.now() + PATIENCE_MS;
      await eventually('a process that fires at this moment', () => {
        const { firings } = victim;
        const firesNow = firings.length > 20 && Date.now() - (firings.at(-1)?.atMs ?? 0) < 40;
        return firesNow || Date.now() > untilMs || undefined;
      });
      await victim.kill();
      running[at] = await runner();
      all.push(running[at] as TimerProcess);
    }
    await allFired(
      made.map(({ id }) => id),
      all,
      LEASE_MS + 30_000,
    );
    // What was printed by somebody who was killed then fires once more.
    await allEnded(author, LEASE_MS + 30_000);
    const { doubles, ...rest } = tally(all, made);
    expect(rest).toEqual({ timers: count, early: [], unstable: [] });
    // Else nobody was killed at a bad moment.
    expect(doubles).toBeGreaterThan(0);
    expect(all.flatMap(one => one.told('unreadable').slice(0, -1))).toEqual([]);
  },
  180_000,
);
