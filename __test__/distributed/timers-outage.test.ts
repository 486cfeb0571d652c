/** Servers die, stop, forget scripts and lose answers while timers are due. */
import type { CoordinatorOptions } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore, type Topology } from '../support/stores';
import {
  allFired,
  killTimers,
  type Made,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const PROCESSES = 3;
const TIMERS = 2_000;
const WITHIN_MS = 6_000;

let store: TestStore | undefined;
let all: TimerProcess[];
let made: Made[];

afterEach(async () => {
  await killTimers();
  await store?.stop();
});

const options = (): CoordinatorOptions => ({
  redis: (store as TestStore).redis,
  commandTimeout: 5_000,
  connectTimeout: 20_000,
});

/** Processes that fire, and timers that are due for a while from now on. */
async function begin(topology: Topology, more: Parameters<typeof startStore>[1]): Promise<void> {
  store = await startStore(topology, more);
  all = await Promise.all(Array.from({ length: PROCESSES }, () => openTimers(options())));
  made = await (all[0] as TimerProcess).create(spread(TIMERS, WITHIN_MS, 500));
}

const firedSoFar = () => all.reduce((sum, { firings }) => sum + firings.length, 0);

/** Some more have fired. */
const goesOn = (count = 50) => Promise.race(all.map(one => one.fires(one.firings.length + count)));

/** Each has fired; `exactly` once, where nobody had to do anything again. */
async function expectAll(exactly: boolean): Promise<void> {
  await allFired(
    made.map(({ id }) => id),
    all,
    60_000,
  );
  await Promise.all(all.map(one => one.worker.call('close')));
  const { doubles, ...rest } = tally(all, made);
  expect(rest).toEqual({ timers: TIMERS, early: [], unstable: [] });
  if (exactly) expect(doubles).toBe(0);
}

/** The store knows of every end: nothing fires again when somebody runs later. */
async function expectQuiet(): Promise<void> {
  const late = await openTimers(options());
  expect(await late.worker.call('all', { status: 'scheduled' })).toEqual([]);
  expect(late.firings).toEqual([]);
}

test('Redis is killed and started again, three times, with its file synced at every write', async () => {
  await begin('standalone', { args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const [server] = (store as TestStore).servers;
  for (let round = 0; round < 3; round++) {
    await goesOn();
    await server?.kill();
    await server?.restart();
  }
  // What was printed is confirmed when the server is back: the same process keeps what it has to tell.
  await expectAll(true);
  await expectQuiet();
}, 120_000);

test('Redis stops and goes on, again and again', async () => {
  await begin('standalone', {});
  const [server] = (store as TestStore).servers;
  for (let round = 0; round < 4; round++) {
    await goesOn();
    const before = firedSoFar();
    server?.pause();
    // Long enough for everybody to have something to ask that is not answered.
    await new Promise(done => setTimeout(done, 700));
    expect(firedSoFar() - before).toBeLessThan(TIMERS / 2);
    server?.resume();
  }
  await expectAll(true);
  await expectQuiet();
}, 120_000);

test.each<Topology>(['standalone', 'cluster'])(
  'scripts are forgotten in a loop on %s',
  async topology => {
    await begin(topology, {});
    let done = false;
    const flushing = (async () => {
      let flushes = 0;
      while (!done) {
        await Promise.all((store as TestStore).servers.map(server => server.command('SCRIPT', 'FLUSH')));
        flushes += 1;
      }
      return flushes;
    })();
    try {
      await expectAll(true);
    } finally {
      done = true;
    }
    expect(await flushing).toBeGreaterThan(10);
    await expectQuiet();
  },
  120_000,
);

test.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])(
  'answers are lost on %s',
  async topology => {
    await begin(topology, { proxied: true });
    const { proxies } = store as TestStore;
    for (let round = 0; round < 6; round++) {
      // Of claims and of ends: whatever names a shard's keys.
      await Promise.race(proxies.map(proxy => proxy.dropReplyTo('timers')));
    }
    for (const proxy of proxies) proxy.setMode('pass');
    await expectAll(false);
    await expectQuiet();
  },
  120_000,
);
