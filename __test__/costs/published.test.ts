/** Results of the published module's compiled calculator, and ours. */
import { CostCalculator, getCostCalculator, type TokenUsageRecord } from '@wundr.io/token-budget/budget';
import fc from '../support/properties';
import { expectSame, PUBLISHED_MODELS, publishedModule, record } from './helpers';

const published = publishedModule();
const CURRENCIES = ['USD', 'EUR', 'GBP'] as const;
const PERIODS = ['daily', 'weekly', 'monthly'] as const;

const records = fc.array(
  fc.record({
    modelId: fc.constantFrom(...PUBLISHED_MODELS, 'own-model'),
    inputTokens: fc.nat(2_000_000),
    outputTokens: fc.nat(200_000),
    atMs: fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2026-12-31') }),
  }),
  { maxLength: 60 },
);

const OWN = {
  modelId: 'own-model',
  provider: 'custom' as const,
  inputTokenCost: 0.123456,
  outputTokenCost: 7.5,
  currency: 'EUR' as const,
  effectiveDate: new Date('2025-06-01'),
};

function asRecords(
  made: Array<{ modelId: string; inputTokens: number; outputTokens: number; atMs: number }>,
) {
  return made.map(({ atMs, ...usage }) => record({ ...usage, timestamp: new Date(atMs) }));
}

function expectSameEstimate(
  usage: TokenUsageRecord[],
  currency: 'USD' | 'EUR' | 'GBP',
  period: 'daily' | 'weekly' | 'monthly' | undefined,
  prices: (typeof OWN)[] = [],
): void {
  const ours = new CostCalculator(prices).calculateCostEstimate(usage, currency, true, period);
  const theirs = new published.CostCalculator(prices).calculateCostEstimate(usage, currency, true, period);
  expect(ours.currency).toBe(theirs.currency);
  expectSame(ours.totalCost, theirs.totalCost);
  expect(ours.breakdown).toHaveLength(theirs.breakdown.length);
  const rows = new Map(ours.breakdown.map(row => [row.modelId, row]));
  for (const row of theirs.breakdown) {
    const ourRow = rows.get(row.modelId) as typeof row;
    const { provider, inputTokens, outputTokens } = row;
    expect(ourRow).toMatchObject({ provider, inputTokens, outputTokens });
    for (const cost of ['inputCost', 'outputCost', 'totalCost'] as const) expectSame(ourRow[cost], row[cost]);
    expect(ourRow.percentage).toBeCloseTo(row.percentage, 9);
  }
  // Sorted alike; equal costs may change places by the last bit.
  ours.breakdown.forEach((row, index) => {
    expectSame(row.totalCost, theirs.breakdown[index]?.totalCost ?? NaN);
  });
  if (theirs.projection === undefined) {
    expect(ours.projection).toBeUndefined();
  } else {
    const { projectedCost, ...basis } = theirs.projection;
    expect(ours.projection).toMatchObject(basis);
    expectSame(ours.projection?.projectedCost ?? NaN, projectedCost);
  }
}

test('estimates, breakdowns and projections are the same', () => {
  fc.assert(
    fc.property(
      records,
      fc.constantFrom(...CURRENCIES),
      fc.constantFrom(...PERIODS, undefined),
      (made, currency, period) => expectSameEstimate(asRecords(made), currency, period, [OWN]),
    ),
    { numRuns: 200 },
  );
});

test('so is the cost of each record', () => {
  const ours = new CostCalculator([OWN]);
  const theirs = new published.CostCalculator([OWN]);
  fc.assert(
    fc.property(records, fc.constantFrom(...CURRENCIES), (made, currency) => {
      for (const usage of asRecords(made)) {
        expectSame(ours.calculateRecordCost(usage, currency), theirs.calculateRecordCost(usage, currency));
      }
    }),
    { numRuns: 100 },
  );
});

test('conversions are the same to the last bit', () => {
  const [ours, theirs] = [new CostCalculator(), new published.CostCalculator()];
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
      fc.constantFrom(...CURRENCIES),
      fc.constantFrom(...CURRENCIES),
      (amount, from, to) => {
        expect(ours.convertCurrency(amount, from, to)).toBe(theirs.convertCurrency(amount, from, to));
      },
    ),
  );
});

test('prices of its models are the same', () => {
  const [ours, theirs] = [new CostCalculator(), new published.CostCalculator()];
  expect(theirs.getAllPricing().map(({ modelId }) => modelId)).toEqual(PUBLISHED_MODELS);
  for (const pricing of theirs.getAllPricing()) {
    expect(ours.getModelPricing(pricing.modelId)).toMatchObject(pricing);
    expect(ours.getAllPricing()).toContainEqual(expect.objectContaining(pricing));
    for (const type of ['input', 'output'] as const) {
      expect(ours.getCostPer1KTokens(pricing.modelId, type)).toBe(
        theirs.getCostPer1KTokens(pricing.modelId, type),
      );
    }
  }
  expect(ours.getModelPricing('unknown')).toEqual(theirs.getModelPricing('unknown'));
  expect(ours.getCostPer1KTokens('unknown', 'input')).toEqual(theirs.getCostPer1KTokens('unknown', 'input'));
});

test('own prices replace those of before, by the constructor and later', () => {
  const other = { ...OWN, inputTokenCost: 9 };
  const gpt4 = { ...OWN, modelId: 'gpt-4', currency: 'GBP' as const };
  const usage = [record({ modelId: 'own-model' }), record({ modelId: 'gpt-4' })];
  for (const Calculator of [CostCalculator, published.CostCalculator]) {
    const calculator = new Calculator([OWN, other]);
    calculator.addCustomPricing(gpt4);
    expect(calculator.getModelPricing('own-model')).toEqual(other);
    expect(calculator.getModelPricing('gpt-4')).toEqual(gpt4);
    expectSame(
      calculator.calculateCostEstimate(usage, 'EUR').totalCost,
      0.01275 + (0.003873456 / 0.79) * 0.92,
    );
  }
});

test('a projection needs more than one instant', () => {
  const same = [record({ modelId: 'gpt-4' }), record({ modelId: 'gpt-4' })];
  expectSameEstimate(same, 'USD', 'daily');
  expectSameEstimate([], 'USD', 'daily');
  expect(new CostCalculator().calculateCostEstimate(same, 'USD', true, 'daily').projection).toEqual({
    projectionPeriod: 'daily',
    projectedCost: 0,
    confidence: 0,
    basedOnDays: 0,
  });
});

test('the shared calculator is one until prices are given', () => {
  for (const get of [getCostCalculator, published.getCostCalculator]) {
    const first = get();
    expect(get()).toBe(first);
    const second = get([OWN]);
    expect(second).not.toBe(first);
    expect(get()).toBe(second);
    expect(second.getModelPricing('own-model')).toEqual(OWN);
  }
});

test('what differs on purpose: models that the published module prices at nothing', () => {
  const usage = [record({ modelId: 'claude-sonnet-4.5' }), record({ modelId: 'gpt-4' })];
  expect(new published.CostCalculator().calculateCostEstimate(usage).breakdown).toHaveLength(1);
  const ours = new CostCalculator().calculateCostEstimate(usage);
  expect(ours.breakdown.map(({ modelId }) => modelId)).toEqual(['gpt-4', 'claude-sonnet-4.5']);
  expectSame(ours.totalCost, 0.06 + 0.0105);
});
