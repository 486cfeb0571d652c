/** Budgets in money beside those in tokens, whatever keeps the state. */
import { type BudgetConfig, type BudgetPrices, type Money, TokenBudgetTracker } from '@wundr.io/token-budget';
import { heard, rejection, usage } from '../facade/helpers';
import { eventually } from '../support/system';
import { trackersOverStores } from './trackers';

/** Micro-units a token: 3 for input, 15 for output. */
const PRICES: BudgetPrices = {
  reserveMicros: (model, tokens) => (model === 'opus' ? tokens * 15 : null),
  usageMicros: ({ model, promptTokens, completionTokens, totalTokens }) =>
    model === 'opus'
      ? promptTokens * 3 + completionTokens * 15 + (totalTokens - promptTokens - completionTokens) * 15
      : null,
};

const usd = (amount: string): Money => ({ amount, currency: 'USD' });

const over = trackersOverStores('money');

function now(total: number, more: object = {}) {
  return usage(total, { timestamp: new Date(), model: 'opus', ...more });
}

describe.each(over.stores)('in %s', store => {
  let config: BudgetConfig;

  beforeEach(() => {
    config = {
      defaultBudget: { daily: 100_000, dailyCost: { amount: '1.50', currency: 'USD' } },
      thresholds: [0.5],
      priceSource: PRICES,
      ...over.configOf(store),
    };
  });

  function tracker(more: BudgetConfig = {}): TokenBudgetTracker {
    return over.open({ ...config, ...more });
  }

  test('a reservation holds tokens and money, or nothing', async () => {
    const subject = tracker();
    const denied = heard(subject, 'budget:denied');
    const held = await subject.reserveTokens('orch', 10_000, 'all', { cost: usd('1.2') });
    expect(held.reservation?.cost).toEqual(usd('1.20'));
    const refused = await subject.reserveTokens('orch', 1, 'all', {
      cost: { amount: 0.3000001, currency: 'USD' },
    });
    expect(refused).toMatchObject({
      success: false,
      period: 'daily',
      limitedBy: 'cost',
      error: 'Would exceed daily cost budget (0.300001 USD needed, 0.30 USD available)',
      cost: { estimated: usd('0.300001'), available: usd('0.30'), limit: usd('1.50'), percentUsed: 80 },
      retryable: true,
      available: 90_000,
    });
    const never = await subject.reserveTokens('orch', 1, 'daily', { cost: usd('1.51') });
    expect(never).toMatchObject({ success: false, limitedBy: 'cost', retryable: false });
    const tokens = await subject.reserveTokens('orch', 90_001, 'daily', { cost: usd('0.01') });
    expect(tokens).toMatchObject({ success: false, limitedBy: 'tokens' });
    expect(denied.map(([event]) => (event as { limitedBy: string }).limitedBy)).toEqual([
      'cost',
      'cost',
      'tokens',
    ]);
    expect(await subject.listReservations('orch')).toMatchObject([{ tokens: 10_000, cost: usd('1.20') }]);
    expect(await subject.getUsageStats('orch', 'daily')).toMatchObject({
      reservedTokens: 10_000,
      cost: {
        used: usd('0.00'),
        reserved: usd('1.20'),
        limit: usd('1.50'),
        remaining: usd('0.30'),
        percentUsed: 80,
        currency: 'USD',
      },
    });
    expect((await subject.reserveTokens('orch', 1, 'all', { cost: usd('0.3') })).success).toBe(true);
  });

  test('the model tells the cost of what is reserved, checked, ended and tracked', async () => {
    const subject = tracker();
    const released = heard(subject, 'reservation:released');
    const tracked = heard(subject, 'usage:tracked');
    const held = await subject.reserveTokens('orch', 40_000, 'daily', { model: 'opus' });
    expect(held.reservation?.cost).toEqual(usd('0.60'));
    const check = await subject.checkBudget('orch', 60_001, 'daily', { model: 'opus' });
    expect(check).toMatchObject({
      allowed: false,
      limitedBy: 'tokens',
      cost: { estimated: usd('0.900015') },
    });
    expect(await subject.checkBudget('orch', 1, 'daily', { cost: usd('0.91') })).toMatchObject({
      allowed: false,
      wouldExceed: true,
      limitedBy: 'cost',
    });
    expect((await subject.checkBudget('orch', 60_000, 'daily', { model: 'opus' })).allowed).toBe(true);
    // Without a model that of the reservation is asked for.
    await subject.releaseReservation(held.reservationId as string, 50_000, { promptTokens: 10_000 });
    expect(released[0]?.[1]).toMatchObject({
      cost: { reserved: usd('0.60'), recorded: usd('0.63'), overage: usd('0.03') },
    });
    await subject.trackUsage(now(1000, { promptTokens: 1000 }));
    expect(tracked.map(([one]) => (one as { cost: Money }).cost)).toEqual([usd('0.63'), usd('0.003')]);
    expect((await subject.getUsageStats('orch', 'daily')).cost?.used).toEqual(usd('0.633'));
    expect((await subject.getUsageHistory('orch', 'daily')).map(record => record.cost)).toEqual([
      usd('0.003'),
      usd('0.63'),
    ]);
  });

  test('thresholds of money are told apart from those of tokens', async () => {
    const subject = tracker();
    const crossed = heard(subject, 'threshold:50');
    await subject.trackUsage(now(10, { cost: usd('0.8') }));
    await subject.trackUsage(now(60_000, { cost: { amount: 0, currency: 'USD' } }));
    expect(crossed).toMatchObject([
      [
        {
          unit: 'cost',
          period: 'daily',
          currentUsage: 0.8,
          limit: 1.5,
          cost: { used: usd('0.80'), limit: usd('1.50') },
        },
      ],
      [{ unit: 'tokens', period: 'daily', currentUsage: 60_010, limit: 100_000 }],
    ]);
    expect(crossed[0]?.[0]).toMatchObject({ percentUsed: (0.8 / 1.5) * 100 });
  });

  test('a cost that has to be known and is not refuses the argument; what was used is recorded', async () => {
    const subject = tracker();
    const warnings = heard(subject, 'store:warning');
    for (const options of [undefined, {}, { model: 'nobody-knows' }]) {
      const error = await rejection(subject.reserveTokens('orch', 1, 'daily', options));
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.cost' });
      expect((await rejection(subject.checkBudget('orch', 1, 'daily', options))).field).toBe('options.cost');
    }
    await subject.trackUsage(now(7, { model: 'nobody-knows' }));
    await subject.trackUsage(now(7, { model: 'nobody-knows' }));
    expect(await subject.getUsageStats('orch', 'daily')).toMatchObject({
      totalUsed: 14,
      cost: { used: usd('0.00') },
    });
    expect(warnings).toMatchObject([[{ message: expect.stringContaining('nobody-knows') }]]);
    const unpriced = tracker({ unknownModel: 'unpriced' });
    expect((await unpriced.reserveTokens('orch', 1, 'daily', { model: 'nobody-knows' })).success).toBe(true);
    const elsewhere = tracker({ defaultBudget: { daily: 100_000 } });
    expect((await elsewhere.reserveTokens('orch', 1)).success).toBe(true);
  });

  test('budgets in money are set at run time, for every tracker', async () => {
    const subject = tracker({ defaultBudget: { daily: 1000 }, currencyRates: { EUR: '0.8' } });
    const set = heard(subject, 'budget:set');
    await subject.setBudget('orch', { hourly: 10, monthlyCost: { amount: 2, currency: 'EUR' } });
    const budget = { hourly: 10, monthlyCost: usd('2.50') };
    expect(set).toEqual([[{ orchestratorId: 'orch', budget }]]);
    expect(await subject.getBudget('orch')).toEqual({ base: budget, effective: budget, source: 'stored' });
    expect((await rejection(subject.reserveTokens('orch', 1))).field).toBe('options.cost');
    const other = tracker({ defaultBudget: { daily: 1000 } });
    const refused = await other.reserveTokens('orch', 1, 'all', { cost: usd('2.500001') });
    expect(refused).toMatchObject({ success: false, period: 'monthly', limitedBy: 'cost' });
    await subject.setBudget('orch', null);
    expect((await subject.reserveTokens('orch', 1)).success).toBe(true);
  });

  test('an override adds tokens or money', async () => {
    const subject = tracker();
    const set = heard(subject, 'override:set');
    const override = {
      id: 'more',
      orchestratorId: 'orch',
      period: 'daily' as const,
      additionalTokens: 0,
      additionalCost: usd('0.50'),
      reason: 'launch',
      expiresAt: new Date(Date.now() + 3_600_000),
      createdBy: 'ops',
    };
    await subject.setBudgetOverride(override);
    expect(set).toEqual([[override]]);
    expect(await subject.listOverrides('orch', 'daily')).toEqual([override]);
    expect((await subject.getBudget('orch')).effective).toEqual({ daily: 100_000, dailyCost: usd('2.00') });
    expect((await subject.reserveTokens('orch', 1, 'all', { cost: usd('2') })).success).toBe(true);
    expect(await subject.removeOverride('orch', 'more')).toBe(true);
    expect((await subject.checkBudget('orch', 0, 'daily', { cost: usd('0.01') })).cost?.limit).toEqual(
      usd('1.50'),
    );
    const both = await rejection(subject.setBudgetOverride({ ...override, additionalTokens: 5 }));
    expect(both).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'override.additionalTokens' });
    const bad = { ...override, additionalCost: { amount: 'x', currency: 'USD' } };
    expect((await rejection(subject.setBudgetOverride(bad))).field).toBe('override.additionalCost.amount');
  });

  test('held money comes back when it expires, and a late end is recorded', async () => {
    const subject = tracker();
    const expired = heard(subject, 'reservation:expired');
    const held = await subject.reserveTokens('orch', 5, 'daily', { cost: usd('1.5'), ttl: 200 });
    await eventually('it has expired', () => expired.length || undefined);
    expect(expired[0]?.[0]).toMatchObject({ tokens: 5, cost: usd('1.50') });
    expect((await subject.getUsageStats('orch', 'daily')).cost?.reserved).toEqual(usd('0.00'));
    await subject.releaseReservation(held.reservationId as string, 5, { cost: usd('2') });
    expect((await subject.getUsageStats('orch', 'daily')).cost).toMatchObject({
      used: usd('2.00'),
      remaining: usd('0.00'),
    });
  });
});

test('what it is worth survives a restart on disk', async () => {
  const config: BudgetConfig = {
    defaultBudget: { dailyCost: usd('10') },
    ...over.configOf('disk'),
  };
  const first = new TokenBudgetTracker(config);
  await first.reserveTokens('orch', 1, 'daily', { cost: usd('3') });
  await first.trackUsage(now(1, { cost: usd('4.000001') }));
  await first.close();
  const second = over.open(config);
  expect((await second.getUsageStats('orch', 'daily')).cost).toMatchObject({
    used: usd('4.000001'),
    reserved: usd('3.00'),
    remaining: usd('2.999999'),
  });
});

test('many processes grant no more money than there is', async () => {
  const config = {
    defaultBudget: { dailyCost: usd('1') },
    ...over.configOf('Redis'),
  };
  const trackers = Array.from({ length: 4 }, () => over.open(config));
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      (trackers[index % 4] as TokenBudgetTracker).reserveTokens('orch', 1, 'all', { cost: usd('0.03') }),
    ),
  );
  expect(results.filter(({ success }) => success)).toHaveLength(33);
});

describe('what is refused', () => {
  test.each<[field: string, config: object]>([
    ['currency', { currency: 'dollars' }],
    ['currencyRates.EUR', { currencyRates: { EUR: 0 } }],
    ['currencyRates.EUR', { currencyRates: { EUR: 'much' } }],
    ['currencyRates.eur', { currencyRates: { eur: 1 } }],
    ['priceSource.usageMicros', { priceSource: { reserveMicros: () => 1 } }],
    ['unknownModel', { unknownModel: 'estimate' }],
    ['defaultBudget.dailyCost', { defaultBudget: { dailyCost: 25 } }],
    ['defaultBudget.dailyCost.amount', { defaultBudget: { dailyCost: { amount: '-1', currency: 'USD' } } }],
    [
      'defaultBudget.dailyCost.amount',
      { defaultBudget: { dailyCost: { amount: Number.NaN, currency: 'USD' } } },
    ],
    [
      'defaultBudget.dailyCost.amount',
      { defaultBudget: { dailyCost: { amount: '9007199254.740992', currency: 'USD' } } },
    ],
    ['defaultBudget.dailyCost.currency', { defaultBudget: { dailyCost: { amount: 1, currency: 'EUR' } } }],
    ['defaultBudget.dailyCost.currency', { defaultBudget: { dailyCost: { amount: 1 } } }],
    [
      'defaultBudget.dailyCost.cents',
      { defaultBudget: { dailyCost: { amount: 1, currency: 'USD', cents: 1 } } },
    ],
    ['defaultBudget.weeklyCost', { defaultBudget: { weeklyCost: usd('1') } }],
  ])('%s of a configuration: %j', (field, config) => {
    let error: unknown;
    try {
      over.open(config as BudgetConfig);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', field });
  });

  test('costs of calls', async () => {
    const subject = over.open({});
    const field = async (promise: Promise<unknown>) => (await rejection(promise)).field;
    expect(await field(subject.trackUsage(now(1, { cost: 5 })))).toBe('usage.cost');
    expect(await field(subject.trackUsage(now(1, { cost: { amount: '1,5', currency: 'USD' } })))).toBe(
      'usage.cost.amount',
    );
    expect(await field(subject.reserveTokens('a', 1, 'all', { cost: { amount: 1, currency: 'GBP' } }))).toBe(
      'options.cost.currency',
    );
    expect(await field(subject.reserveTokens('a', 1, 'all', { model: 5 as never }))).toBe('options.model');
    expect(await field(subject.releaseReservation('x', 1, { cost: null as never }))).toBe('attribution.cost');
  });
});

test('amounts are exact: rounded up when held, half up when used, of other currencies too', async () => {
  const subject = over.open({ currency: 'EUR', currencyRates: { EUR: '0.9', GBP: 0.6 } });
  const held = await subject.reserveTokens('a', 1, 'all', { cost: { amount: 1e-7, currency: 'EUR' } });
  expect(held.reservation?.cost).toEqual({ amount: '0.000001', currency: 'EUR' });
  const used = async (amount: string | number, currency: string) => {
    await subject.trackUsage(now(1, { orchestratorId: `b${amount}${currency}`, cost: { amount, currency } }));
    return (await subject.getUsageStats(`b${amount}${currency}`)).cost?.used.amount;
  };
  expect(await used('0.0000005', 'EUR')).toBe('0.000001');
  expect(await used('12345678.9012344', 'EUR')).toBe('12345678.901234');
  expect(await used(0.1, 'EUR')).toBe('0.10');
  expect(await used('10', 'USD')).toBe('9.00');
  expect(await used('2', 'GBP')).toBe('3.00');
  expect(await used(9007199254, 'EUR')).toBe('9007199254.00');
});

describe('without a price source, prices are those of the snapshot', () => {
  const call = { model: 'gpt-4o' };

  test('in dollars', async () => {
    const subject = over.open({ defaultBudget: { dailyCost: usd('1') } });
    // The dearer side of gpt-4o is 10 dollars for a million tokens.
    const held = await subject.reserveTokens('orch', 50_000, 'daily', call);
    expect(held.reservation?.cost).toEqual(usd('0.50'));
    expect(await subject.reserveTokens('orch', 50_001, 'daily', call)).toMatchObject({
      success: false,
      limitedBy: 'cost',
    });
    expect(await subject.reserveTokens('orch', 50_000, 'daily', call)).toMatchObject({ success: true });
  });

  test('in another currency by the rate that was given, and without one costs must be told', async () => {
    const euros = { amount: '10', currency: 'EUR' };
    const priced = over.open({
      ...{ currency: 'EUR', currencyRates: { EUR: '0.8' }, defaultBudget: { dailyCost: euros } },
    });
    const held = await priced.reserveTokens('orch', 50_000, 'daily', call);
    expect(held.reservation?.cost).toEqual({ amount: '0.40', currency: 'EUR' });
    const unpriced = over.open({ currency: 'EUR', defaultBudget: { dailyCost: euros } });
    expect((await rejection(unpriced.reserveTokens('orch', 1, 'daily', call))).field).toMatch(/cost/);
  });
});
