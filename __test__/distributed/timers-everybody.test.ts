/** What concerns every process: broadcasts are heard by each once, and what each asks for is made once. */
import type { CoordinatorOptions } from '@wundr.io/token-budget/timers';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';
import { killTimers, openTimers, type TimerProcess } from '../support/timer-processes';

const PROCESSES = 8;
const TIMERS = 100;

let store: TestStore | undefined;
let all: TimerProcess[];

async function begin(topology: Topology): Promise<TimerProcess> {
  store = await startStore(topology);
  const options: CoordinatorOptions = { redis: store.redis, commandTimeout: 20_000, connectTimeout: 20_000 };
  // Two of them fire nothing.
  all = await Promise.all(
    Array.from({ length: PROCESSES }, (_, n) => openTimers({ ...options, run: n % 4 !== 0 })),
  );
  return all[0] as TimerProcess;
}

afterEach(async () => {
  await killTimers();
  await store?.stop();
});

/** What is published before a subscription is there is not heard; so this is repeated until it is. */
async function everybodyHears(author: TimerProcess, name: string): Promise<void> {
  await eventually(`that everybody hears ${name}`, async () => {
    await author.create([{ name, duration: 0, broadcast: true, events: { on_expire: { data: name } } }]);
    return all.every(({ firings }) => firings.some(({ data }) => data === name)) || undefined;
  });
}

/** Broadcasts of this name are heard by each process once. */
async function hearOnce(author: TimerProcess, name: string): Promise<void> {
  const ids = Array.from({ length: TIMERS }, (_, n) => `${name}-${n}`);
  await author.create(ids.map((id, n) => ({ id, name, duration: 10 * n, broadcast: true })));
  const told = (one: TimerProcess) => one.firings.filter(({ id }) => id.startsWith(`${name}-`));
  await eventually('everybody', () => all.every(one => told(one).length >= TIMERS) || undefined, {
    timeoutMs: 30_000,
  });
  for (const one of all) {
    const heard = told(one).map(({ id }) => id);
    expect(heard.sort()).toEqual([...ids].sort());
    expect(told(one).every(({ firedMs, scheduledMs }) => firedMs >= scheduledMs)).toBe(true);
  }
  const deliveryIds = new Set(all.flatMap(one => told(one).map(({ deliveryId }) => deliveryId)));
  expect(deliveryIds.size).toBe(TIMERS);
}

test.each<Topology>(['standalone', 'cluster'])(
  'broadcast on %s: each of 8 hears of each once',
  async topology => {
    const author = await begin(topology);
    await everybodyHears(author, 'first');
    await hearOnce(author, 'told');
    // Subscriptions that were cut are there again, and once.
    const servers = (store as TestStore).servers;
    await Promise.all(servers.map(server => server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')));
    await everybodyHears(author, 'again');
    await hearOnce(author, 'anew');
  },
  90_000,
);

test.each([
  ['with the threshold', [0.5, 0.8, 1]],
  ['without it', [0.5]],
])(
  '8 processes watch a budget, %s: one timer',
  async (_what, thresholds) => {
    const author = await begin('standalone');
    const tracker = { redis: store?.redis, defaultBudget: { daily: 1_000 }, thresholds, timeZone: 'UTC' };
    await Promise.all(all.map(one => one.worker.call('watchBudgets', { tracker })));
    const track = {
      orchestratorId: 'orch',
      sessionId: 's',
      model: 'm',
      promptTokens: 110,
      completionTokens: 0,
    };
    await Promise.all(all.map(one => one.worker.call('track', { ...track, totalTokens: 110 })));
    const found = () => author.worker.call<Array<{ name: string }>>('all', {});
    await eventually('the timer', async () => ((await found()).length > 0 ? true : undefined));
    // Everybody has reason to ask for it, again.
    await Promise.all(all.map(one => one.worker.call('track', { ...track, totalTokens: 110 })));
    expect(await found()).toMatchObject([{ name: 'orch Budget Reset', status: 'scheduled' }]);
    expect(all.flatMap(one => one.told('error'))).toEqual([]);
  },
  60_000,
);
