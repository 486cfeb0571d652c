/** Budgets in money beside those in tokens, whatever keeps the state. */
import {
  type BudgetConfig,
  type BudgetPrices,
  CostCalculator,
  type Money,
  TokenBudgetTracker,
} from '@wundr.io/token-budget';
import { run } from '../cli/run';
import { granted, heard, rejection, usage } from '../facade/helpers';
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

  test('where no price is known, a reservation that ends costs its share of what it held', async () => {
    const subject = tracker({ defaultBudget: { dailyCost: usd('1.50') } });
    const tracked = heard(subject, 'usage:tracked');
    const spent = async () => (await subject.getUsageStats('orch', 'daily')).cost;
    const hold = async (tokens: number, options: object) =>
      granted(await subject.reserveTokens('orch', tokens, 'all', options));
    await subject.releaseReservation(await hold(1000, { cost: usd('0.5') }), 900);
    expect(await spent()).toMatchObject({ used: usd('0.45'), reserved: usd('0.00') });
    await subject.releaseReservation(await hold(3, { cost: usd('0.00001') }), 1, { model: 'nobody-knows' });
    expect(await spent()).toMatchObject({ used: usd('0.450004') });
    await subject.releaseReservation(await hold(100, { cost: usd('0.1') }), 250);
    await subject.releaseReservation(await hold(100, { cost: usd('0.1') }), 0);
    expect(await spent()).toMatchObject({ used: usd('0.700004'), reserved: usd('0.00') });
    // The model of the reservation has a price, which is better than a share.
    await subject.releaseReservation(await hold(1000, { model: 'opus' }), 1000, { promptTokens: 1000 });
    expect(await spent()).toMatchObject({ used: usd('0.703004') });
    await subject.releaseReservation(await hold(10, { model: 'opus' }), 10, { cost: usd('0') });
    expect(tracked.map(([told]) => told)).toMatchObject([
      { model: 'unknown', totalTokens: 900, cost: usd('0.45') },
      { model: 'nobody-knows', totalTokens: 1, cost: usd('0.000004') },
      { model: 'unknown', totalTokens: 250, cost: usd('0.25') },
      { model: 'opus', totalTokens: 1000, cost: usd('0.003') },
      { model: 'opus', totalTokens: 10, cost: usd('0.00') },
    ]);
    const history = await subject.getUsageHistory('orch', 'daily');
    expect(history.map(({ cost }) => cost?.amount)).toEqual([undefined, '0.003', '0.25', '0.000004', '0.45']);
  });

  test('a reservation that expired costs its share of what it held', async () => {
    const subject = tracker();
    const expired = heard(subject, 'reservation:expired');
    const options = { cost: usd('0.6'), ttl: 1 };
    const id = granted(await subject.reserveTokens('orch', 100, 'all', options));
    await eventually('its expiry', () => (expired.length > 0 ? true : undefined));
    await subject.releaseReservation(id, 50);
    const { cost } = await subject.getUsageStats('orch', 'daily');
    expect(cost).toMatchObject({ used: usd('0.30'), reserved: usd('0.00') });
  });

  test('a source of prices that throws knows none: usage counts, and nothing stays held', async () => {
    const broken = () => {
      throw new Error('no prices today');
    };
    const subject = tracker({ priceSource: { reserveMicros: broken, usageMicros: broken } });
    const warnings = heard(subject, 'store:warning');
    const error = await rejection(subject.reserveTokens('orch', 1, 'daily', { model: 'opus' }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.cost' });
    const id = granted(await subject.reserveTokens('orch', 100, 'daily', { cost: usd('0.5') }));
    await subject.trackUsage(now(7));
    await subject.releaseReservation(id, 50, { model: 'opus' });
    expect(await subject.getUsageStats('orch', 'daily')).toMatchObject({
      ...{ totalUsed: 57, activeReservations: 0 },
      cost: { used: usd('0.25'), reserved: usd('0.00') },
    });
    expect(warnings.map(([told]) => (told as { message: string }).message)).toEqual([
      expect.stringContaining('priceSource threw, which counts as knowing no price: Error: no prices today'),
      expect.stringContaining('"opus"'),
    ]);
  });

  test('a check of a budget in money alone tells of it', async () => {
    const subject = tracker({ defaultBudget: { dailyCost: usd('1') } });
    const fits = await subject.checkBudget('orch', 1, 'daily', { cost: usd('0.5') });
    expect(fits).toMatchObject({
      allowed: true,
      message: 'No limit of tokens set for this period, but one of money',
    });
    const unlimited = await subject.checkBudget('orch', 1, 'hourly', { cost: usd('0.5') });
    expect(unlimited).toMatchObject({ allowed: true, message: 'No budget limit set for this period' });
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
    ['defaultBudget.dailyCost.amount', { defaultBudget: { dailyCost: usd('0.0000004') } }],
    // Prices are in dollars.
    ['currencyRates.EUR', { currency: 'EUR', defaultBudget: { dailyCost: { amount: 1, currency: 'EUR' } } }],
    ['priceSource.currency', { priceSource: { ...PRICES, currency: 'EUR' } }],
    ['priceSource.currency', { priceSource: { ...PRICES, currency: 'euros' } }],
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
    expect(await field(subject.setBudget('a', { dailyCost: usd('0.0000004') }))).toBe(
      'budget.dailyCost.amount',
    );
    await subject.setBudget('a', { dailyCost: usd('0') });
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

  test('in another currency by the rate that was given', async () => {
    const euros = { amount: '10', currency: 'EUR' };
    const priced = over.open({
      ...{ currency: 'EUR', currencyRates: { EUR: '0.8' }, defaultBudget: { dailyCost: euros } },
    });
    const held = await priced.reserveTokens('orch', 50_000, 'daily', call);
    expect(held.reservation?.cost).toEqual({ amount: '0.40', currency: 'EUR' });
  });

  test('a source of another currency is converted, up when held and half up when used', async () => {
    const currencyRates = { EUR: '0.8' };
    const subject = over.open({ currencyRates, priceSource: { ...PRICES, currency: 'EUR' } });
    const held = await subject.reserveTokens('orch', 1, 'daily', { model: 'opus' });
    // 15 micro-units of a euro.
    expect(held.reservation?.cost).toEqual(usd('0.000019'));
    await subject.trackUsage(now(2, { promptTokens: 2, completionTokens: 0 }));
    expect((await subject.getUsageStats('orch')).cost?.used).toEqual(usd('0.000008'));
    const calculator = new CostCalculator({ currencyRates });
    const euros = over.open({ currencyRates, priceSource: calculator.priceSource({ currency: 'EUR' }) });
    const same = await euros.reserveTokens('orch', 50_000, 'daily', call);
    expect(same.reservation?.cost).toEqual(usd('0.50'));
  });
});

test('a reservation settled by another process, or by the command, costs its share of what it held', async () => {
  const config = over.configOf('Redis');
  const limited = { ...config, defaultBudget: { dailyCost: usd('1.00') } };
  const [one, other] = [over.open(limited), over.open(limited)];
  const reserve = () => one.reserveTokens('team', 50_000, 'all', { model: 'gpt-4o' });
  // The dearer side of gpt-4o is 10 dollars for a million tokens.
  const grants = [];
  for (let call = 0; call < 5; call++) {
    const held = await reserve();
    if (!held.success) break;
    await other.releaseReservation(granted(held), 50_000);
    grants.push(held);
  }
  expect(grants).toHaveLength(2);
  const held = await one.reserveTokens('second', 50_000, 'all', { model: 'gpt-4o' });
  const { port, keyPrefix } = config.redis as { port: number; keyPrefix: string };
  const store = ['--redis', `redis://127.0.0.1:${port}`, '--prefix', keyPrefix];
  const released = await run(['release', granted(held), '--used', '25000', ...store]);
  expect(released).toMatchObject({ code: 0 });
  expect((await one.getUsageStats('second', 'daily')).cost?.used).toEqual(usd('0.25'));
});

test('a reservation of a process that is gone costs its share of what it held', async () => {
  const config = { ...over.configOf('disk'), defaultBudget: { dailyCost: usd('1.00') } };
  const before = new TokenBudgetTracker(config);
  const id = granted(await before.reserveTokens('orch', 100_000, 'all', { model: 'gpt-4o' }));
  await before.close();
  const after = over.open(config);
  await after.releaseReservation(id, 60_000);
  expect((await after.getUsageStats('orch', 'daily')).cost?.used).toEqual(usd('0.60'));
});
