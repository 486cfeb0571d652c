/** Clocks jump, of the server and of hosts: nothing is early by the clock of the server, and nothing is stuck. */
import { createTokenCoordinator, type TimerExpiredEvent } from '@wundr.io/token-budget/timers';
import { type RedisServer, startRedis } from '../support/redis';
import { makeServerClock } from '../support/server-clock';
import { eventually, HOST, type TemporaryFolder, temporaryFolder } from '../support/system';
import {
  allFired,
  killTimers,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const HOUR_MS = 3_600_000;
const TIMERS = 200;

let server: RedisServer;
let folder: TemporaryFolder;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis({ clock: true });
  folder = temporaryFolder('timers-clocks');
}, 60_000);
beforeEach(() => server.clock?.shift(0));
afterEach(killTimers);
afterAll(async () => {
  await server.stop();
  await folder.remove();
});

function options() {
  prefixes += 1;
  const keyPrefix = `clocks-${prefixes}`;
  return { redis: { host: HOST, port: server.port, keyPrefix }, commandTimeout: 20_000 };
}

const ids = (made: Array<{ id: string }>) => made.map(({ id }) => id);

test('forward by an hour: what is due then fires at once, in the same second or not', async () => {
  const given = options();
  const all = await Promise.all([openTimers(given), openTimers(given)]);
  const made = await (all[0] as TimerProcess).create([
    ...spread(TIMERS, 1_000, HOUR_MS - 500_000, 'soon'),
    ...spread(TIMERS, 3_000),
  ]);
  await all[0]?.fires(1);
  server.clock?.shift(HOUR_MS);
  // A process that waits for an answer learns of the time; the others look within seconds.
  await allFired(ids(made), all, 30_000);
  expect(tally(all, made, false)).toEqual({ timers: 2 * TIMERS, doubles: 0, early: [], unstable: [] });
}, 60_000);

test('back by a minute and forward again: nothing is early, claims included', async () => {
  const given = options();
  const all = await Promise.all([openTimers(given), openTimers(given)]);
  const made = await (all[0] as TimerProcess).create(spread(TIMERS, 3_000));
  await all[0]?.fires(1);
  server.clock?.shift(-60_000);
  const more = await (all[1] as TimerProcess).create(spread(TIMERS, 1_000, 200, 'later'));
  await allFired(ids(more), all, 30_000);
  server.clock?.shift(0);
  await allFired(ids(made), all, 30_000);
  expect(tally(all, [...made, ...more], false)).toEqual({
    timers: 2 * TIMERS,
    doubles: 0,
    early: [],
    unstable: [],
  });
}, 90_000);

test('back by an hour while timers are claimed: claims do not last longer than a lease', async () => {
  const given = options();
  const victim = await openTimers(given, { lingerMs: HOUR_MS });
  const made = await victim.create(spread(20, 1));
  await victim.fires(20);
  await victim.kill();
  const claimedMs = Math.max(...victim.firings.map(({ firedMs }) => firedMs));
  server.clock?.shift(-HOUR_MS);
  const heir = await openTimers(given);
  server.clock?.shift(31_000);
  await heir.fires(20, 30_000);
  const { early, unstable } = tally([victim, heir], made, false);
  expect({ early, unstable }).toEqual({ early: [], unstable: [] });
  expect(heir.firings.every(({ firedMs }) => firedMs > claimedMs)).toBe(true);
}, 90_000);

const hosts: Array<[string, () => object]> = [
  ['of JavaScript is an hour ahead', () => ({ clockShiftMs: HOUR_MS })],
  ['of JavaScript is an hour behind', () => ({ clockShiftMs: -HOUR_MS })],
];
if (process.platform === 'linux') {
  hosts.push([
    'of the whole process is an hour ahead',
    () => {
      const clock = makeServerClock(folder.path);
      clock.shift(HOUR_MS);
      return { env: clock.env };
    },
  ]);
}

test.each(hosts)(
  'the clock of a host %s: timers are due when the server says so',
  async (_name, wrong) => {
    const given = options();
    const one = await openTimers(given, wrong());
    const made = await one.create(spread(TIMERS, 1_500, 300));
    for (const { endTime } of made) expect(Math.abs(Date.parse(endTime) - Date.now())).toBeLessThan(60_000);
    // The clock of this host is that of the server: what is not due is not there yet.
    const events: TimerExpiredEvent[] = [];
    const right = createTokenCoordinator({ ...given, run: false });
    right.on('timer:expired', event => events.push(event));
    await allFired(ids(made), [one]);
    expect(tally([one], made, false)).toEqual({ timers: TIMERS, doubles: 0, early: [], unstable: [] });
    await eventually('an end that everybody sees', async () =>
      (await right.timers.get('t0'))?.status === 'fired' ? true : undefined,
    );
    expect(events).toEqual([]);
    await right.close();
  },
  60_000,
);
