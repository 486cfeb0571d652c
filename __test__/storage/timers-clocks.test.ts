/** The clock of the host jumps: it is the clock of the store on disk. */
import { join } from 'node:path';
import { makeServerClock, type ServerClock } from '../support/server-clock';
import { type TemporaryFolder, temporaryFolder } from '../support/system';
import {
  allEnded,
  allFired,
  killTimers,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const HOUR_MS = 3_600_000;
const TIMERS = 100;

// A clock that jumps needs Linux.
const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('the clock of the host', () => {
  let folder: TemporaryFolder;
  let clock: ServerClock;
  let files = 0;

  beforeAll(() => {
    folder = temporaryFolder('timers-clocks');
    clock = makeServerClock(folder.path);
  });
  beforeEach(() => {
    clock.shift(0);
    files += 1;
  });
  afterEach(killTimers);
  afterAll(() => folder.remove());

  const open = (lingerMs = 0): Promise<TimerProcess> =>
    openTimers(
      { storage: join(folder.path, `${files}.db`), connectTimeout: 20_000, commandTimeout: 20_000 },
      { env: clock.env, lingerMs },
    );
  const ids = (made: Array<{ id: string }>) => made.map(({ id }) => id);

  test('forward by an hour: what is due fires with the next thing that happens', async () => {
    const one = await open();
    const made = await one.create(spread(TIMERS, 1_000, HOUR_MS - 60_000));
    clock.shift(HOUR_MS);
    const [next] = await one.create([{ id: 'next', name: 'next', duration: 0 }]);
    await allFired([...ids(made), 'next'], [one]);
    expect(tally([one], [...made, next as never])).toEqual({
      timers: TIMERS + 1,
      doubles: 0,
      early: [],
      unstable: [],
    });
  });

  test('back by an hour: nothing fires until it is due again, and new timers go on', async () => {
    const one = await open();
    const made = await one.create(spread(TIMERS, 500, 1_500));
    clock.shift(-HOUR_MS);
    const more = await one.create(spread(TIMERS, 3_000, 0, 'more'));
    await allFired(ids(more), [one]);
    expect(one.firings.filter(({ id }) => !id.startsWith('more'))).toEqual([]);
    clock.shift(0);
    await one.create([{ id: 'next', name: 'next', duration: 0 }]);
    await allFired(ids(made), [one]);
    expect(tally([one], [...made, ...more])).toMatchObject({ doubles: 0, early: [], unstable: [] });
  });

  test('back by an hour while somebody dies with claims: they end within a lease of the new clock', async () => {
    const victim = await open(HOUR_MS);
    const made = await victim.create(spread(TIMERS, 1));
    await victim.fires(TIMERS);
    clock.shift(-HOUR_MS);
    // Whatever is claimed next sees that the clock was set back.
    await victim.create([{ id: 'next', name: 'next', duration: 0 }]);
    await victim.fires(TIMERS + 1);
    await victim.kill();
    const heir = await open();
    // Past the lease by the clock that was set back, long before what it showed earlier.
    clock.shift(-HOUR_MS + 32_000);
    await heir.create([{ id: 'after', name: 'after', duration: 0 }]);
    await allFired(['next', 'after'], [heir]);
    expect(heir.firings.filter(({ id }) => id.startsWith('t'))).toEqual([]);
    clock.shift(0);
    await heir.create([{ id: 'last', name: 'last', duration: 0 }]);
    await allFired(ids(made), [heir]);
    const { early, unstable } = tally([victim, heir], made);
    expect({ early, unstable }).toEqual({ early: [], unstable: [] });
    await allEnded(heir);
  });
});
