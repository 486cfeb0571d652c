/** What the published calculator does not have. */
import { CostCalculator, type PricedUsage } from '@wundr.io/token-budget/budget';
import { expectSame, record } from './helpers';

const CLAUDE = 'claude-sonnet-4-5';
const USAGE: PricedUsage = { modelId: CLAUDE, inputTokens: 1_000, outputTokens: 100 };

describe('costOf', () => {
  const calculator = new CostCalculator();
  const pico = (usage: Partial<PricedUsage>) => {
    const { inputPico, outputPico } = calculator.costOf({ ...USAGE, ...usage });
    return [inputPico, outputPico];
  };

  test('is exact, tells the model, and that it is priced', () => {
    expect(calculator.costOf({ ...USAGE, modelId: 'anthropic/claude-sonnet-4.5' })).toEqual({
      inputPico: 3_000_000_000n,
      outputPico: 1_500_000_000n,
      currency: 'USD',
      isPriced: true,
      model: CLAUDE,
      isEstimate: false,
    });
  });

  test('knows caches, batches and long contexts', () => {
    expect(pico({ cacheReadTokens: 900, cacheWriteTokens: 50 })).toEqual([
      50n * 3_000_000n + 900n * 300_000n + 50n * 3_750_000n,
      1_500_000_000n,
    ]);
    expect(pico({ batch: true })).toEqual([1_500_000_000n, 750_000_000n]);
    expect(pico({ inputTokens: 200_001 })).toEqual([200_001n * 6_000_000n, 2_250_000_000n]);
  });

  test('knows reasoning that has a price of its own, and fees for requests', () => {
    const usage = { modelId: 'sonar-deep-research', provider: 'perplexity', reasoningTokens: 60 };
    // 2, 8 and 3 dollars for a million; nothing for the request itself.
    expect(pico(usage)).toEqual([2_000_000_000n, 40n * 8_000_000n + 60n * 3_000_000n]);
    const [input] = pico({ modelId: 'sonar-pro', provider: 'perplexity' });
    expect(input).toBeGreaterThan(3_000_000_000n);
  });

  test('goes by the day and the time of day', () => {
    const o3 = { modelId: 'o3', outputTokens: 0 };
    expect(pico({ ...o3, timestamp: new Date('2025-06-09T23:59:59.999Z') })[0]).toBe(10_000_000_000n);
    expect(pico({ ...o3, timestamp: new Date('2025-06-10T00:00:00Z') })[0]).toBe(2_000_000_000n);
    const night = { modelId: 'deepseek-chat', outputTokens: 0 };
    expect(pico({ ...night, timestamp: new Date('2026-09-01T16:30:00Z') })[0]).toBe(135_000_000n);
    expect(pico({ ...night, timestamp: new Date('2026-09-01T16:29:59.999Z') })[0]).toBe(270_000_000n);
  });

  test('is in the currency of the calculator', () => {
    const euros = new CostCalculator({ currency: 'EUR', currencyRates: { EUR: '0.8631' } });
    expect(euros.costOf(USAGE)).toMatchObject({ inputPico: 2_589_300_000n, currency: 'EUR' });
  });

  test('stays exact where floating point does not', () => {
    const most = Number.MAX_SAFE_INTEGER;
    expect(pico({ modelId: 'gpt-4o', inputTokens: most, outputTokens: most })).toEqual([
      BigInt(most) * 2_500_000n,
      BigInt(most) * 10_000_000n,
    ]);
  });
});

describe('an unknown model', () => {
  const unknown = record({ modelId: 'claude-opus-99', inputTokens: 1_000_000, outputTokens: 0 });
  const known = record({ modelId: 'gpt-4' });

  test('costs what its dearest relative does, and that is said', () => {
    const calculator = new CostCalculator();
    const { model, ...cost } = calculator.costOf(unknown);
    expect(model).toMatch(/^claude-opus-/);
    expect(cost).toMatchObject({ isPriced: true, isEstimate: true });
    expectSame(calculator.calculateRecordCost(unknown), Number(cost.inputPico) / 1e12);
    const { breakdown, unpriced } = calculator.calculateCostEstimate([unknown, known]);
    expect(breakdown.map(row => [row.modelId, row.isEstimate])).toEqual([
      ['claude-opus-99', true],
      ['gpt-4', undefined],
    ]);
    expect(unpriced).toBeUndefined();
    // Of a name that is like no other, the dearest of all.
    expect(calculator.costOf({ ...unknown, modelId: 'zzz' }).inputPico).toBeGreaterThan(cost.inputPico);
    expect(calculator.getModelPricing('claude-opus-99')).toBeNull();
  });

  test('is refused by the policy reject', () => {
    const calculator = new CostCalculator({ unknownModel: 'reject' });
    const refused = (field: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', field });
    expect(() => calculator.costOf(unknown)).toThrow(refused('usage.modelId'));
    expect(() => calculator.calculateRecordCost(unknown)).toThrow(refused('record.modelId'));
    expect(() => calculator.calculateCostEstimate([known, unknown])).toThrow(refused('records[1].modelId'));
    expect(() => calculator.estimateCost('zzz', 1, 1)).toThrow(refused('model'));
    // Asked for again, it is not forgotten.
    expect(() => calculator.costOf(unknown)).toThrow('"claude-opus-99"');
    expectSame(calculator.calculateRecordCost(known), 0.06);
  });

  test('is left out, and listed, by the policy unpriced', () => {
    const calculator = new CostCalculator({ unknownModel: 'unpriced' });
    expect(calculator.costOf(unknown)).toEqual({
      inputPico: 0n,
      outputPico: 0n,
      currency: 'USD',
      isPriced: false,
      model: null,
      isEstimate: false,
    });
    const { breakdown, totalCost, unpriced } = calculator.calculateCostEstimate([unknown, known, unknown]);
    expect(breakdown.map(row => row.modelId)).toEqual(['gpt-4']);
    expectSame(totalCost, 0.06);
    expect(unpriced).toEqual([
      { modelId: 'claude-opus-99', inputTokens: 2_000_000, outputTokens: 0, records: 2 },
    ]);
  });

  test('is one whose tokens have no price too', () => {
    const calculator = new CostCalculator({ unknownModel: 'unpriced' });
    expect(calculator.costOf({ ...USAGE, modelId: 'whisper-1' }).isPriced).toBe(false);
  });

  test('is known once its price is', () => {
    const calculator = new CostCalculator({ unknownModel: 'unpriced' });
    expect(calculator.costOf(unknown).isPriced).toBe(false);
    calculator.addCustomPricing({
      modelId: 'claude-opus-99',
      provider: 'anthropic',
      inputTokenCost: 7,
      outputTokenCost: 8,
      currency: 'USD',
      effectiveDate: new Date(0),
    });
    expect(calculator.costOf(unknown)).toMatchObject({ isPriced: true, inputPico: 7_000_000_000_000n });
  });
});

describe('own prices', () => {
  const pricing = {
    modelId: 'our-llama',
    provider: 'custom' as const,
    inputTokenCost: 1,
    outputTokenCost: 2,
    currency: 'USD' as const,
    effectiveDate: new Date('2026-01-01'),
  };
  const usage = { modelId: 'our-llama', inputTokens: 1_000, outputTokens: 1_000 };

  test('have all parts', () => {
    const calculator = new CostCalculator({
      prices: [
        {
          ...pricing,
          cacheReadTokenCost: 0.1,
          reasoningTokenCost: 3,
          requestCost: 0.001,
          batchPercent: 25,
          longContext: [{ aboveInputTokens: 1_000, inputTokenCost: 10 }],
        },
      ],
    });
    const parts = { ...usage, cacheReadTokens: 400, reasoningTokens: 100 };
    expect(calculator.costOf(parts)).toMatchObject({
      inputPico: 600n * 1_000_000n + 400n * 100_000n + 1_000_000_000n,
      outputPico: 900n * 2_000_000n + 100n * 3_000_000n,
    });
    expect(calculator.costOf({ ...usage, batch: true })).toMatchObject({ outputPico: 500_000_000n });
    expect(calculator.costOf({ ...usage, inputTokens: 1_001 }).inputPico).toBe(
      1_001n * 10_000_000n + 1_000_000_000n,
    );
  });

  test('have a history when a model has several', () => {
    const calculator = new CostCalculator({
      prices: [
        { ...pricing, inputTokenCost: 5, effectiveDate: new Date('2026-06-01') },
        { ...pricing, effectiveDate: new Date('2026-01-01') },
        { ...pricing, inputTokenCost: 99, effectiveDate: new Date('2999-01-01') },
      ],
    });
    const at = (day: string) => calculator.costOf({ ...usage, timestamp: new Date(day) }).inputPico;
    expect([at('2025-01-01'), at('2026-05-31'), at('2026-06-01')]).toEqual([
      1_000_000_000n,
      1_000_000_000n,
      5_000_000_000n,
    ]);
    expect(calculator.getModelPricing('our-llama')).toMatchObject({
      provider: 'custom',
      inputTokenCost: 5,
      effectiveDate: new Date('2026-06-01'),
    });
  });

  test('stand for every spelling, over the snapshot and the published module', () => {
    const calculator = new CostCalculator([{ ...pricing, modelId: CLAUDE }]);
    for (const modelId of [CLAUDE, 'claude-sonnet-4.5', 'anthropic/claude-sonnet-4-5-20250929']) {
      expect(calculator.costOf({ ...usage, modelId }).inputPico).toBe(1_000_000_000n);
      expectSame(calculator.calculateRecordCost(record({ modelId })), 0.002);
    }
  });

  test('may be in another currency, whose rate can be set', () => {
    const calculator = new CostCalculator([{ ...pricing, currency: 'EUR' }]);
    calculator.setCurrencyRate('EUR', 0.5);
    expect(calculator.costOf(usage)).toMatchObject({ inputPico: 2_000_000_000n, currency: 'USD' });
    calculator.setCurrencyRate('CHF', '0.25');
    const estimate = calculator.calculateCostEstimate([record({ modelId: 'our-llama' })], 'CHF');
    expect(estimate).toMatchObject({ currency: 'CHF', totalCost: 0.001 });
    expect(calculator.convertCurrency(10, 'USD', 'CHF')).toBe(2.5);
  });

  test('are taken as they are written in decimal', () => {
    const calculator = new CostCalculator([{ ...pricing, inputTokenCost: 0.0000015, outputTokenCost: 1e-6 }]);
    expect(calculator.costOf(usage)).toMatchObject({ inputPico: 2_000n, outputPico: 1_000n });
  });
});

test('estimateCost is what a call costs at most, rounded up', () => {
  const calculator = new CostCalculator();
  expect(calculator.estimateCost('gpt-4o', 1, 1)).toMatchObject({
    inputPico: 2_500_000n,
    outputPico: 10_000_000n,
    amount: '0.000013',
    model: 'gpt-4o',
  });
  expect(calculator.estimateCost('gpt-4o', 1_000_000, 1_000_000).amount).toBe('12.500000');
});

test('prices of models are found under their other names', () => {
  const calculator = new CostCalculator();
  expect(calculator.getModelPricing('claude-sonnet-4.5')).toMatchObject({
    modelId: CLAUDE,
    provider: 'anthropic',
    inputTokenCost: 3,
    cacheReadTokenCost: 0.3,
    batchPercent: 50,
    longContext: [{ aboveInputTokens: 200_000, inputTokenCost: 6, outputTokenCost: 22.5 }],
  });
  expect(calculator.getModelPricing('deepseek-v4-flash')).toMatchObject({
    provider: 'custom',
    providerId: 'deepseek',
  });
  const all = calculator.getAllPricing();
  expect(new Set(all.map(({ modelId }) => modelId)).size).toBe(all.length);
  expect(all.map(({ modelId }) => modelId)).toEqual(expect.arrayContaining(['gpt-4o', 'gemini-2.5-pro']));
});

test('what was shown of a price can be given again', () => {
  const calculator = new CostCalculator();
  const shown = calculator.getModelPricing(CLAUDE);
  const again = new CostCalculator(shown === null ? [] : [shown]);
  const usage = { ...USAGE, inputTokens: 300_000, cacheReadTokens: 1_000, cacheWriteTokens: 50, batch: true };
  expect(again.costOf(usage)).toEqual(calculator.costOf(usage));
});

test('many records at once cost what each of them does', () => {
  const calculator = new CostCalculator();
  const models = ['gpt-4o', 'gpt-5', 'deepseek-chat', 'gemini-2.5-pro'];
  const records = Array.from({ length: 1_000 }, (_, index) =>
    record({
      modelId: models[index % models.length] as string,
      provider: 'custom',
      timestamp: new Date(Date.parse('2026-01-01') + index * 3_600_000),
      inputTokens: 1 + index * 997,
      outputTokens: index * 13,
      cacheReadTokens: index * 31,
    }),
  );
  const exact = records.map(one => calculator.costOf(one));
  const pico = exact.reduce((sum, { inputPico, outputPico }) => sum + inputPico + outputPico, 0n);
  const { totalCost, breakdown } = calculator.calculateCostEstimate(records);
  expect(totalCost).toBe(Number(pico) / 1e12);
  expect(breakdown.map(row => row.modelId).sort()).toEqual([...models].sort());
});

test('more names than are remembered change nothing', () => {
  const calculator = new CostCalculator({ unknownModel: 'unpriced' });
  const cost = calculator.costOf({ ...USAGE, modelId: 'gpt-4' });
  for (let index = 0; index <= 10_000; index++) {
    expect(calculator.costOf({ ...USAGE, modelId: `name-${index}` }).isPriced).toBe(false);
  }
  expect(calculator.costOf({ ...USAGE, modelId: 'gpt-4' })).toEqual(cost);
});
