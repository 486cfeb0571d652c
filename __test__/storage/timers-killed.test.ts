/** The process that fires the timers of a file is killed again and again while 10,000 are due. */
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '../support/system';
import {
  allFired,
  killTimers,
  LEASE_MS,
  type Made,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';

const TIMERS = 10_000;
const KILLS = 16;
const WITHIN_MS = 10_000;

let folder: TemporaryFolder;

beforeAll(() => {
  folder = temporaryFolder('timers-killed');
});
afterEach(killTimers);
afterAll(() => folder.remove());

test('kill -9 in a row, 16 times: none is lost, none is early, doubles carry the same id', async () => {
  const options = { storage: join(folder.path, 'state.db'), commandTimeout: 20_000, connectTimeout: 20_000 };
  const runner = () => openTimers(options, { lingerMs: 50 });
  let running = await runner();
  const all: TimerProcess[] = [running];
  const made: Made[] = await running.create(spread(TIMERS, WITHIN_MS, 1_000));
  for (let kill = 0; kill < KILLS; kill++) {
    await running.fires(1 + (kill % 4) * 50);
    await running.kill();
    running = await runner();
    all.push(running);
  }
  await allFired(
    made.map(({ id }) => id),
    all,
    LEASE_MS + 30_000,
  );
  const { doubles, ...rest } = tally(all, made);
  expect(rest).toEqual({ timers: TIMERS, early: [], unstable: [] });
  expect(doubles).toBeGreaterThan(0);
}, 180_000);
