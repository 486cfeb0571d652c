/**
 * What a process had claimed that is killed, or stopped, comes back to the others when its lease ends, and not much later;
 * what is in a file, when it is opened again.
 */
import { join } from 'node:path';
import { createTokenCoordinator, type TimerExpiredEvent } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore } from '../support/stores';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';
import { killTimers, LEASE_MS, openTimers, spread, tally } from '../support/timer-processes';
import { type Arrived, endAll, httpReceiver } from '../timers/webhook-receivers';

const TIMERS = 800;
const NEVER_MS = 3_600_000;

let store: TestStore;
let folder: TemporaryFolder;

beforeAll(async () => {
  store = await startStore('standalone');
  folder = temporaryFolder('timers-leases');
  // Whatever is loaded late is loaded now: between the ends of tests that run side by side, Jest lets nothing be loaded.
  await lateness(Date.now());
}, 60_000);
afterAll(async () => {
  await killTimers();
  await endAll();
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
    const controlled = isShared ? lateness(lastClaimedMs + LEASE_MS) : undefined;
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
    // Whoever opens the file knows that nobody else has it, and waits for no lease.
    const soonest = isShared ? firstClaimedMs + LEASE_MS : firstClaimedMs;
    expect(Math.min(...returned)).toBeGreaterThanOrEqual(soonest);
    const latest = lastClaimedMs + LEASE_MS + (controlled === undefined ? 0 : 1_000 + (await controlled));
    expect(Math.max(...returned)).toBeLessThanOrEqual(latest);
  },
  120_000,
);

test.concurrent('webhooks: another process sends what the killed one was sending', async () => {
  const arrived: Array<Pick<Arrived, 'body'> & { id: unknown; atMs: number }> = [];
  const { url } = await httpReceiver((request, response) => {
    let body = '';
    request.on('data', chunk => {
      body += chunk;
    });
    request.on('end', () => {
      arrived.push({ body, id: request.headers['webhook-id'], atMs: Date.now() });
      // The first one never learns of it.
      if (arrived.length > 1) response.end();
    });
  });
  const options = {
    redis: { ...store.redis, keyPrefix: 'webhooks' },
    commandTimeout: 20_000,
    webhooks: { allow: ['127.0.0.1'], timeout: 60_000 },
  };
  const victim = await openTimers(options);
  const heir = await openTimers({ ...options, run: false });
  await victim.create([
    { id: 'sent', name: 'sent', duration: 1, events: { on_expire: { webhook: url, data: 1 } } },
  ]);
  await eventually('the first attempt', () => arrived[0]);
  const controlled = lateness((arrived[0]?.atMs ?? 0) + LEASE_MS);
  await victim.kill();
  const sender = await openTimers(options);
  await eventually('the second attempt', () => arrived[1], { timeoutMs: LEASE_MS + 30_000 });
  const [first, second] = arrived as [(typeof arrived)[0], (typeof arrived)[0]];
  expect([second.id, second.body]).toEqual([first.id, first.body]);
  expect(second.atMs).toBeLessThanOrEqual(first.atMs + LEASE_MS + 1_000 + (await controlled));
  await eventually('its end', async () =>
    (await heir.call<unknown[]>('deliveries')).length === 0 ? true : undefined,
  );
  expect(sender.told('timer:delivered')).toMatchObject([{ deliveryId: first.id, status: 200 }]);
  expect(arrived).toHaveLength(2);
}, 120_000);

test.concurrent('a process that stops while its listeners run, and goes on later, changes nothing any more', async () => {
  const options = { redis: { ...store.redis, keyPrefix: 'stopped' }, commandTimeout: 60_000 };
  const slow = await openTimers(options, { lingerMs: 1_000 });
  await slow.create([
    { id: 'once', name: 'once', duration: 1 },
    { id: 'again', name: 'again', every: '1h', duration: 1 },
  ]);
  await slow.fires(2);
  process.kill(slow.worker.pid, 'SIGSTOP');
  const other = await openTimers(options);
  await other.fires(2, LEASE_MS + 30_000);
  const look = () => Promise.all(['once', 'again'].map(id => other.call<Record<string, unknown>>('get', id)));
  const before = await eventually('both ends', async () => {
    const timers = await look();
    return timers[0]?.status === 'fired' && timers[1]?.occurrence === 1 ? timers : undefined;
  });
  process.kill(slow.worker.pid, 'SIGCONT');
  // It answers, and has told what it had to tell, when it has closed.
  await slow.worker.call('close');
  const after = await look();
  for (const [index, name] of ['status', 'endTime', 'occurrence'].flatMap(each => [
    [0, each] as const,
    [1, each] as const,
  ])) {
    expect(after[index]?.[name]).toEqual(before[index]?.[name]);
  }
  for (const { id, deliveryId } of other.firings) {
    expect(slow.firings.find(firing => firing.id === id)).toMatchObject({ deliveryId });
  }
  expect([slow.firings.length, other.firings.length]).toEqual([2, 2]);
}, 120_000);
