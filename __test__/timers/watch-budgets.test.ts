/** Budgets of a tracker make their own reset timers. */
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { usage } from '../facade/helpers';
import { advance, coordinator, DAY, fired, useFakeTime } from './helpers';

useFakeTime();

const trackers: TokenBudgetTracker[] = [];
afterEach(async () => {
  await Promise.all(trackers.splice(0).map(one => one.close()));
});

function tracker(config: ConstructorParameters<typeof TokenBudgetTracker>[0] = {}): TokenBudgetTracker {
  const made = new TokenBudgetTracker({ defaultBudget: { daily: 1000 }, ...config });
  trackers.push(made);
  return made;
}

const track = (on: TokenBudgetTracker, tokens: number, orchestratorId = 'orch') =>
  on.trackUsage(usage(tokens, { orchestratorId, timestamp: new Date() }));

test.each([
  ['a tracker with the threshold', [0.5, 0.8, 1]],
  ['a tracker without it', undefined],
])('%s', async (_what, thresholds) => {
  const minoots = coordinator();
  const events = fired(minoots);
  const on = tracker(thresholds === undefined ? {} : { thresholds });
  minoots.watchBudgets(on, { on_expire: { message: 'whole again' } });
  await track(on, 799);
  await advance(1);
  expect((await minoots.timers.list()).timers).toEqual([]);
  await track(on, 1);
  await track(on, 100);
  await advance(1);
  expect((await minoots.timers.list()).timers).toMatchObject([
    {
      name: 'orch Budget Reset',
      endTime: new Date('2026-01-15T00:00:00Z'),
      events: { on_expire: { message: 'whole again', data: { newBudget: 1000 } } },
      metadata: { orchestratorId: 'orch', period: 'daily' },
    },
  ]);
  await advance(DAY / 2);
  expect(events).toMatchObject([{ name: 'orch Budget Reset', data: { newBudget: 1000 } }]);
  await track(on, 900);
  await advance(1);
  expect((await minoots.timers.list({ status: 'scheduled' })).timers).toMatchObject([
    { endTime: new Date('2026-01-16T00:00:00Z') },
  ]);
});

test('money counts as tokens do', async () => {
  const usd = (amount: string) => ({ amount, currency: 'USD' });
  const minoots = coordinator({ run: false });
  const on = tracker({ defaultBudget: { daily: 1000, dailyCost: usd('1.50') } });
  const costs = tracker({ defaultBudget: { dailyCost: usd('0.10') } });
  minoots.watchBudgets(on);
  minoots.watchBudgets(costs);
  const spend = (by: TokenBudgetTracker, amount: string, orchestratorId: string) =>
    by.trackUsage({ ...usage(1, { orchestratorId, timestamp: new Date() }), cost: usd(amount) });
  await spend(on, '1.19', 'both');
  await spend(costs, '0.07', 'money');
  await advance(1);
  expect((await minoots.timers.list()).timers).toEqual([]);
  await on.reserveTokens('both', 1, 'daily', { cost: usd('0.01') });
  await spend(on, '0', 'both');
  await spend(costs, '0.01', 'money');
  await advance(1);
  const { timers } = await minoots.timers.list();
  expect(timers.map(({ name, events }) => [name, events.on_expire?.data]).sort()).toEqual([
    ['both Budget Reset', { newBudget: 1000, newCostBudget: usd('1.50') }],
    ['money Budget Reset', { newCostBudget: usd('0.10') }],
  ]);
});

describe('a crossing that was not heard', () => {
  const thresholds = [0.5, 0.8, 1];
  const made = async (minoots: ReturnType<typeof coordinator>) => (await minoots.timers.list()).timers;

  test('before it was watched: at once', async () => {
    const minoots = coordinator({ run: false });
    const on = tracker({ thresholds });
    await track(on, 850);
    minoots.watchBudgets(on);
    await advance(1);
    expect(await made(minoots)).toMatchObject([{ name: 'orch Budget Reset' }]);
  });

  test('by another process: with the next usage', async () => {
    const memory = { name: `watch-heard-${process.pid}` };
    const minoots = coordinator({ run: false });
    const [other, on] = [tracker({ memory, thresholds }), tracker({ memory, thresholds })];
    minoots.watchBudgets(on);
    await track(other, 850);
    await advance(1);
    expect(await made(minoots)).toEqual([]);
    await track(on, 50);
    await advance(1);
    expect(await made(minoots)).toHaveLength(1);
  });

  test('by another process alone: within half a minute', async () => {
    const memory = { name: `watch-alone-${process.pid}` };
    const minoots = coordinator({ run: false });
    const [other, on] = [tracker({ memory, thresholds }), tracker({ memory, thresholds })];
    minoots.watchBudgets(on);
    await track(on, 10);
    await track(other, 850);
    await advance(30_000);
    expect(await made(minoots)).toHaveLength(1);
  });
});

test('each orchestrator, each wanted period, in the zone of the tracker', async () => {
  const minoots = coordinator({ run: false });
  const on = tracker({
    defaultBudget: { hourly: 100, daily: 100, monthly: 100 },
    thresholds: [0.9],
    timeZone: 'America/New_York',
  });
  minoots.watchBudgets(on, {
    at: 0.9,
    periods: ['hourly', 'daily', 'monthly'],
    on_expire: ({ orchestratorId, period, totalUsed, limit, resetsAt }) => ({
      message: `${orchestratorId} ${period} ${totalUsed}/${limit} ${resetsAt.toISOString()}`,
    }),
  });
  await track(on, 95, 'a');
  await track(on, 95, 'b');
  await advance(1);
  const { timers } = await minoots.timers.list();
  expect(timers.map(({ events }) => events.on_expire?.message).sort()).toEqual(
    ['a', 'b'].flatMap(id => [
      `${id} daily 95/100 2026-01-15T05:00:00.000Z`,
      `${id} hourly 95/100 2026-01-14T13:00:00.000Z`,
      `${id} monthly 95/100 2026-02-01T05:00:00.000Z`,
    ]),
  );
});

test('it ends when it is told to, or with the coordinator', async () => {
  const minoots = coordinator({ run: false });
  const on = tracker({ thresholds: [0.8] });
  const end = minoots.watchBudgets(on);
  expect(on.listenerCount('threshold:80')).toBe(1);
  end();
  end();
  await track(on, 900);
  await advance(1);
  expect((await minoots.timers.list()).timers).toEqual([]);
  minoots.watchBudgets(on);
  await minoots.close();
  expect(on.listenerCount('threshold:80')).toBe(0);
});

test('a function that throws is told by error', async () => {
  const minoots = coordinator({ run: false });
  const errors: unknown[] = [];
  minoots.on('error', error => errors.push(error));
  const on = tracker({ thresholds: [0.8] });
  minoots.watchBudgets(on, {
    on_expire: () => {
      throw new Error('broken');
    },
  });
  await track(on, 900);
  await advance(1);
  expect(errors).toMatchObject([{ message: 'broken' }]);
});

test('two processes make one timer', async () => {
  const memory = { name: `watch-${process.pid}` };
  const sides = [0, 1].map(() => {
    const minoots = coordinator({ memory, run: false });
    const on = tracker({ memory });
    minoots.watchBudgets(on);
    return { minoots, on };
  });
  for (const { on } of sides) await track(on, 850, 'shared');
  await advance(1);
  const { minoots } = sides[0] as (typeof sides)[0];
  expect((await minoots.timers.list()).timers).toHaveLength(1);
});

test.each<[string, unknown, unknown]>([
  ['tracker', {}, {}],
  ['options', 'real', null],
  ['options.at', 'real', { at: -1 }],
  ['options.periods', 'real', { periods: 'daily' }],
  ['options.periods[0]', 'real', { periods: ['weekly'] }],
  ['options.on_expire.webhook', 'real', { on_expire: { webhook: 'x' } }],
  ['options.threshold', 'real', { threshold: 1 }],
])('%s is named', (field, on, options) => {
  const minoots = coordinator({ run: false });
  const given = on === 'real' ? tracker() : on;
  expect(() => minoots.watchBudgets(given as never, options as never)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
  );
});
