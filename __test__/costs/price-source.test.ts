/** Prices for budgets in money. */
import { CostCalculator } from '@wundr.io/token-budget/budget';

const calculator = new CostCalculator();
const usage = { model: 'gpt-4o', promptTokens: 0, completionTokens: 0 };

test('a reservation holds the dearer price, rounded up', () => {
  const source = calculator.priceSource();
  expect(source.currency).toBe('USD');
  expect(source.reserveMicros('gpt-4o', 1_000)).toBe(10_000);
  expect(source.reserveMicros('gpt-5-nano', 1)).toBe(1);
  // It may all be input of a long context.
  expect(source.reserveMicros('claude-sonnet-4-5', 200_000)).toBe(3_000_000);
  expect(source.reserveMicros('claude-sonnet-4-5', 200_001)).toBe(4_500_023);
  expect(source.reserveMicros('gpt-4o', 0)).toBe(0);
  expect(source.reserveMicros('gpt-4o', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
});

test('usage is rounded half up', () => {
  const source = calculator.priceSource();
  // 2.5 and 10 micro-units a token, 1.25 from the cache.
  expect(source.usageMicros({ ...usage, promptTokens: 1 })).toBe(3);
  expect(source.usageMicros({ ...usage, promptTokens: 2, cacheReadTokens: 1 })).toBe(4);
  expect(source.usageMicros({ ...usage, promptTokens: 1, cacheReadTokens: 1 })).toBe(1);
  expect(source.usageMicros({ ...usage, promptTokens: 1_000, completionTokens: 100 })).toBe(3_500);
});

test('tokens that no part accounts for cost the dearer price', () => {
  const source = calculator.priceSource();
  expect(source.usageMicros({ ...usage, totalTokens: 100 })).toBe(1_000);
  expect(source.usageMicros({ ...usage, promptTokens: 100, totalTokens: 110 })).toBe(350);
  expect(source.usageMicros({ ...usage, promptTokens: 100, totalTokens: 50 })).toBe(250);
});

test('parts that are counted beside their whole are priced, and never refused', () => {
  const source = calculator.priceSource();
  expect(source.usageMicros({ ...usage, promptTokens: 100, cacheReadTokens: 1_000 })).toBe(250 + 1_250);
});

test('an unknown model has no price, unless it is to be estimated', () => {
  const source = calculator.priceSource();
  expect(source.reserveMicros('zzz', 1)).toBeNull();
  expect(source.usageMicros({ ...usage, model: 'zzz' })).toBeNull();
  const guess = calculator.priceSource({ unknownModel: 'estimate' });
  expect(guess.reserveMicros('zzz', 1)).toBeGreaterThan(0);
});

test('amounts are in the currency that was asked for, at the rates of now', () => {
  const own = new CostCalculator();
  const source = own.priceSource({ currency: 'EUR' });
  expect(source.currency).toBe('EUR');
  expect(source.usageMicros({ ...usage, promptTokens: 1_000 })).toBe(2_300);
  own.setCurrencyRate('EUR', 0.5);
  expect(source.usageMicros({ ...usage, promptTokens: 1_000 })).toBe(1_250);
  expect(source.reserveMicros('gpt-4o', 3)).toBe(15);
});

test('a hold is never less than what its tokens come to cost', () => {
  const source = calculator.priceSource();
  for (const model of ['claude-sonnet-4-5', 'gpt-4o', 'gemini-2.5-pro', 'deepseek-chat', 'sonar-pro']) {
    for (const [promptTokens, completionTokens] of [
      [1, 0],
      [0, 1],
      [250_000, 0],
      [250_000, 999],
      [7, 13],
    ] as const) {
      const held = source.reserveMicros(model, promptTokens + completionTokens) ?? 0;
      const spent = source.usageMicros({ model, promptTokens, completionTokens }) ?? 0;
      expect(held).toBeGreaterThanOrEqual(spent);
    }
  }
});
