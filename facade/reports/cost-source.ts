import type {
  CostEstimate,
  Currency,
  ModelPricing,
  PricedUsage,
  TokenUsageRecord,
  UsageCost,
} from '../types/costs';
import { picoOf } from './pico';

/** What a usage cost when it was recorded. */
export type RecordedCost = Pick<UsageCost, 'inputPico' | 'outputPico' | 'currency' | 'isPriced'>;

export const NO_COST: RecordedCost = { inputPico: 0n, outputPico: 0n, currency: 'USD', isPriced: false };

/** What reports ask of a calculator: the published class has the first two, and whoever is exact has `costOf`. */
export interface ReportCalculator {
  calculateCostEstimate(records: TokenUsageRecord[], targetCurrency?: Currency): CostEstimate;
  convertCurrency(amount: number, fromCurrency: Currency, toCurrency: Currency): number;
  getModelPricing?(modelId: string): ModelPricing | null;
  costOf?(record: PricedUsage): UsageCost;
}

/** Prices usages for reports. */
export interface CostSource {
  /** Throws `INVALID_ARGUMENT` where the calculator refuses models that it does not know. */
  costOf(usage: TokenUsageRecord): RecordedCost;
  convert(amount: number, from: string, to: string): number;
  /** `undefined`: it knows none. */
  providerOf(modelId: string): string | undefined;
  /** Whether the prices of the model are those of another one, because none are known. */
  isEstimate(modelId: string): boolean;
}

export function costSource(calculator: ReportCalculator): CostSource {
  return {
    costOf: usage =>
      calculator.costOf === undefined ? estimated(calculator, usage) : calculator.costOf(pricedUsage(usage)),
    convert: (amount, from, to) =>
      from === to ? amount : calculator.convertCurrency(amount, from as Currency, to as Currency),
    providerOf: modelId => calculator.getModelPricing?.(modelId)?.provider,
    isEstimate: modelId => {
      try {
        return calculator.costOf?.({ modelId, inputTokens: 0, outputTokens: 0 }).isEstimate ?? false;
      } catch {
        // It refuses models that it does not know.
        return false;
      }
    },
  };
}

/** By the published interface alone, which leaves models that it does not know out of the breakdown. */
function estimated(calculator: ReportCalculator, usage: TokenUsageRecord): RecordedCost {
  const { breakdown } = calculator.calculateCostEstimate([usage], 'USD');
  const cost: RecordedCost = {
    inputPico: 0n,
    outputPico: 0n,
    currency: 'USD',
    isPriced: breakdown.length > 0,
  };
  for (const { inputCost, outputCost } of breakdown) {
    cost.inputPico += picoOf(inputCost);
    cost.outputPico += picoOf(outputCost);
  }
  return cost;
}

function pricedUsage(usage: TokenUsageRecord): PricedUsage {
  const { modelId, provider, timestamp, inputTokens, outputTokens } = usage;
  const { cacheReadTokens, cacheWriteTokens, reasoningTokens, batch } = usage;
  const priced: PricedUsage = { modelId, timestamp, inputTokens, outputTokens };
  if (provider !== '') priced.provider = provider;
  if (cacheReadTokens !== undefined) priced.cacheReadTokens = cacheReadTokens;
  if (cacheWriteTokens !== undefined) priced.cacheWriteTokens = cacheWriteTokens;
  if (reasoningTokens !== undefined) priced.reasoningTokens = reasoningTokens;
  if (batch !== undefined) priced.batch = batch;
  return priced;
}
