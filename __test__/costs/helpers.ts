/** Records and calculators for the tests of costs. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { CostCalculator, TokenUsageRecord } from '@wundr.io/token-budget/budget';
import { publishedBudgetFolder } from '../support/published';

type Currency = 'USD' | 'EUR' | 'GBP';

/** The calculator of the published module, as it was compiled. */
export type Published = Pick<
  CostCalculator,
  | 'addCustomPricing'
  | 'getModelPricing'
  | 'calculateCostEstimate'
  | 'getAllPricing'
  | 'getCostPer1KTokens'
  | 'convertCurrency'
> & { calculateRecordCost(record: TokenUsageRecord, currency?: Currency): number };

export function publishedModule(): {
  CostCalculator: new (prices?: unknown[]) => Published;
  getCostCalculator(prices?: unknown[]): Published;
} {
  return createRequire(__filename)(join(publishedBudgetFolder(), 'cost-calculator.js'));
}

export const PUBLISHED_MODELS = [
  'claude-sonnet-4-5',
  'claude-3-opus',
  'claude-3-sonnet',
  'claude-3-haiku',
  'gpt-4-turbo',
  'gpt-4',
  'gpt-3.5-turbo',
  'gemini-pro',
  'gemini-ultra',
];

let made = 0;

export function record(over: Partial<TokenUsageRecord> & { modelId: string }): TokenUsageRecord {
  const { inputTokens = 1000, outputTokens = 500 } = over;
  return {
    id: `record-${++made}`,
    orchestratorId: 'orchestrator',
    sessionId: 'session',
    timestamp: new Date('2026-09-01T12:00:00Z'),
    provider: 'anthropic',
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...over,
  };
}

/**
 * Whether two sums are the same, where one was made in floating point and the other is exact to a pico-unit in each
 * record.
 */
export function expectSame(ours: number, theirs: number): void {
  expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1e-10 + 1e-12 * Math.abs(theirs));
}
