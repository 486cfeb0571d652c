import type { CostEstimate, Currency, ModelPricing, TokenUsageRecord } from '../types/costs';
import type { ReportedUsage } from '../types/reports';
import { picoOf } from './pico';

/** A usage as calculators price it. */
export interface PricedUsage {
  modelId: string;
  provider?: string;
  timestamp?: Date;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens?: number;
  cacheWriteTokens?: number;
  reasoningTokens?: number;
  batch?: boolean;
}

/** What a usage cost, in pico-units of a currency. */
export interface UsageCost {
  inputPico: bigint;
  outputPico: bigint;
  currency: string;
  isPriced: boolean;
}

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
  costOf(usage: ReportedUsage): UsageCost;
  convert(amount: number, from: string, to: string): number;
  /** `undefined`: it knows none. */
  providerOf(modelId: string): string | undefined;
}

export function costSource(calculator: ReportCalculator): CostSource {
  return {
    costOf: usage =>
      calculator.costOf === undefined ? estimated(calculator, usage) : calculator.costOf(pricedUsage(usage)),
    convert: (amount, from, to) =>
      from === to ? amount : calculator.convertCurrency(amount, from as Currency, to as Currency),
    providerOf: modelId => calculator.getModelPricing?.(modelId)?.provider,
  };
}

/** By the published interface alone, which leaves models that it does not know out of the breakdown. */
function estimated(calculator: ReportCalculator, usage: ReportedUsage): UsageCost {
  const { breakdown } = calculator.calculateCostEstimate([usage], 'USD');
  const cost: UsageCost = { inputPico: 0n, outputPico: 0n, currency: 'USD', isPriced: breakdown.length > 0 };
  for (const { inputCost, outputCost } of breakdown) {
    cost.inputPico += picoOf(inputCost);
    cost.outputPico += picoOf(outputCost);
  }
  return cost;
}

function pricedUsage(usage: ReportedUsage): PricedUsage {
  const { modelId, provider, timestamp, inputTokens, outputTokens } = usage;
  const { cacheReadTokens, cacheWriteTokens, reasoningTokens, batch } = usage;
  return {
    ...{ modelId, timestamp, inputTokens, outputTokens },
    ...(provider !== '' && { provider }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(batch !== undefined && { batch }),
  };
}
