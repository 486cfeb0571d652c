/** The process that fires the timers of a file, and sends its webhooks, is killed again and again. */
import { join } from 'node:path';
import { verifyWebhook } from '@wundr.io/token-budget/timers';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';
import {
  allEnded,
  allFired,
  killTimers,
  LEASE_MS,
  type Made,
  openTimers,
  spread,
  type TimerProcess,
  tally,
} from '../support/timer-processes';
import { endAll, recorder } from '../timers/webhook-receivers';

const TIMERS = 10_000;
const KILLS = 16;
const WITHIN_MS = 10_000;
const WEBHOOKS = 150;

let folder: TemporaryFolder;

beforeAll(() => {
  folder = temporaryFolder('timers-killed');
});
afterAll(async () => {
  await killTimers();
  await endAll();
  await folder.remove();
});

// Both wait for leases to end, so they wait together.
test.concurrent('10,000 timers, killed 16 times in a row: none is lost, none is early, doubles carry the same id', async () => {
  const options = { storage: join(folder.path, 'timers.db'), commandTimeout: 20_000, connectTimeout: 20_000 };
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
  await allEnded(running, LEASE_MS + 30_000);
  const { doubles, ...rest } = tally(all, made);
  expect(rest).toEqual({ timers: TIMERS, early: [], unstable: [] });
  expect(doubles).toBeGreaterThan(0);
}, 180_000);

test.concurrent('webhooks, killed 5 times in a row: each arrives, with one id and one text', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const attempts = new Map<string, number>();
  // Two attempts of each fail.
  const { url, arrived } = await recorder(({ headers }) => {
    const id = String(headers['webhook-id']);
    attempts.set(id, (attempts.get(id) ?? 0) + 1);
    return [(attempts.get(id) ?? 0) > 2 ? 200 : 503];
  });
  const options = {
    storage: join(folder.path, 'webhooks.db'),
    commandTimeout: 20_000,
    connectTimeout: 20_000,
    webhooks: { secret, allow: ['127.0.0.1'], base: 200, factor: 1 },
  };
  let running = await openTimers(options);
  const timers = spread(WEBHOOKS, 3_000, 500).map(timer => ({
    ...timer,
    events: { on_expire: { webhook: url, data: { for: timer.id } } },
  }));
  await running.create(timers);
  for (let kill = 0; kill < 5; kill++) {
    const before = arrived.length;
    const untilMs = Date.now() + 1_500;
    await eventually(
      'some webhooks',
      () => arrived.length > before + 10 || Date.now() > untilMs || undefined,
    );
    await running.kill();
    running = await openTimers(options);
  }
  await eventually(
    'the end of every webhook',
    async () => {
      const [under, list] = await Promise.all([
        running.call<unknown[]>('deliveries'),
        running.worker.call<unknown[]>('all', { status: 'scheduled' }),
      ]);
      return (under.length === 0 && list.length === 0) || undefined;
    },
    { timeoutMs: 2 * LEASE_MS + 30_000, everyMs: 100 },
  );
  expect(await running.call('deadLetters')).toEqual([]);
  const ids = new Map<string, Set<string>>();
  for (const { body, headers } of arrived) {
    const { id, payload } = verifyWebhook(body, headers, secret);
    const { data } = payload as { data: { id: string; data: unknown } };
    expect(data.data).toEqual({ for: data.id });
    ids.set(data.id, (ids.get(data.id) ?? new Set()).add(`${id} ${body}`));
  }
  expect([...ids.keys()].sort()).toEqual(timers.map(({ id }) => id).sort());
  expect([...ids.values()].every(({ size }) => size === 1)).toBe(true);
  expect([...attempts.values()].every(count => count > 2)).toBe(true);
}, 180_000);
