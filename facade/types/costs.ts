/** What tokens cost: prices, usage and estimates. */

/** The currencies of the published module. */
export type Currency = 'USD' | 'EUR' | 'GBP';

/** Any ISO 4217 code whose rate is known; see `setCurrencyRate`. */
export type CurrencyCode = Currency | (string & {});

/**
 * What becomes of usage by a model that no price is known for.
 *
 * | policy | the cost |
 * |---|---|
 * | `'estimate'` | by the dearest model that its name has most words in common with, or the dearest of all; marked `isEstimate` |
 * | `'reject'` | throws `INVALID_ARGUMENT` that names `modelId` |
 * | `'unpriced'` | 0, with `isPriced: false`, and listed as `unpriced` in estimates |
 */
export type UnknownModelPolicy = 'reject' | 'estimate' | 'unpriced';

/** Prices that hold for the whole request once its input, cached or not, has more tokens than `aboveInputTokens`. */
export interface LongContextPrices {
  aboveInputTokens: number;
  /** Per million tokens. What is left out keeps its price. */
  inputTokenCost?: number;
  outputTokenCost?: number;
  cacheReadTokenCost?: number;
  cacheWriteTokenCost?: number;
  reasoningTokenCost?: number;
}

/**
 * What the tokens of a model cost, per million of them. Prices are exact to a millionth of the currency.
 *
 * @example
 * ```ts
 * calculator.addCustomPricing({
 *   modelId: 'our-llama', provider: 'custom', currency: 'EUR', effectiveDate: new Date('2026-01-01'),
 *   inputTokenCost: 0.2, outputTokenCost: 0.6, cacheReadTokenCost: 0.02,
 * });
 * ```
 */
export interface ModelPricing {
  /** At most 256 bytes of UTF-8. */
  modelId: string;
  /** `'custom'` for every other provider; `providerId` tells which. */
  provider: 'anthropic' | 'openai' | 'google' | 'custom';
  inputTokenCost: number;
  outputTokenCost: number;
  currency: Currency;
  /** From when on. Of several prices of a model in `prices` the latest one of the usage's day counts. */
  effectiveDate: Date;
  /** Such as `deepseek`. */
  providerId?: string;
  /** Input tokens from the provider's cache; the price of input without it. */
  cacheReadTokenCost?: number;
  /** Input tokens into the provider's cache; the price of input without it. */
  cacheWriteTokenCost?: number;
  /** Output tokens for reasoning; the price of output without it. */
  reasoningTokenCost?: number;
  /** For each request, whatever its tokens. */
  requestCost?: number;
  /** What a batch pays, in percent of the price of its tokens; 100 without it. */
  batchPercent?: number;
  /** Ascending. */
  longContext?: LongContextPrices[];
}

/** What tells the cost of usage, beside its tokens. All are exact integers from 0 to 2^53 - 1. */
export interface CostParts {
  /** Of the input tokens. */
  cacheReadTokens?: number;
  /** Of the input tokens. */
  cacheWriteTokens?: number;
  /** Of the output tokens. */
  reasoningTokens?: number;
  /** Whether it was sent in a batch. */
  batch?: boolean;
}

/** One usage, as it is recorded and reported. */
export interface TokenUsageRecord extends CostParts {
  id: string;
  orchestratorId: string;
  sessionId: string;
  timestamp: Date;
  modelId: string;
  provider: string;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  toolName?: string;
  toolCallId?: string;
  metadata?: Record<string, unknown>;
}

/** What `costOf` needs to know of a usage. */
export interface PricedUsage extends CostParts {
  modelId: string;
  /** Who sold it; without it, who makes it. */
  provider?: string;
  /** When prices are asked for; now without it. */
  timestamp?: Date;
  /** All input tokens, cached or not. */
  inputTokens: number;
  /** All output tokens, with those for reasoning. */
  outputTokens: number;
}

/** How `costOf` prices. */
export interface CostOfOptions {
  /**
   * `true`: usage of input and output tokens alone costs what `calculateRecordCost` says, which for models of the
   * published module is its price. Default `false`: what is billed.
   */
  asPublished?: boolean;
}

/** An exact cost, in pico-units (10^-12) of the calculator's currency. */
export interface UsageCost {
  inputPico: bigint;
  outputPico: bigint;
  currency: Currency;
  /** `false`: no price is known, and the cost is 0 because the calculator's policy is `'unpriced'`. */
  isPriced: boolean;
  /** The model whose prices were used; `null` when it is not priced. */
  model: string | null;
  /** Whether those are the prices of another model, because no price is known. */
  isEstimate: boolean;
}

/** What a call will cost at most. */
export interface CallCost extends UsageCost {
  /** Both sides as decimal text in the currency, rounded up to a millionth: `0.012345`. */
  amount: string;
}

/** What a cost is asked for. */
export interface CostParams {
  orchestratorId?: string;
  sessionId?: string;
  startTime: Date;
  endTime: Date;
  currency?: Currency;
  includeProjection?: boolean;
}

/** What usage has cost, by model. */
export interface CostEstimate {
  totalCost: number;
  currency: string;
  /** Dearest first. */
  breakdown: CostBreakdown[];
  projection?: CostProjection;
  /** Usage that no price is known for and that `totalCost` does not contain; left out when there is none. */
  unpriced?: UnpricedUsage[];
}

/** What one model has cost. */
export interface CostBreakdown {
  modelId: string;
  provider: string;
  inputTokens: number;
  outputTokens: number;
  inputCost: number;
  outputCost: number;
  totalCost: number;
  /** Of all costs, 0 to 100. */
  percentage: number;
  /** `true` where the prices are those of another model, because none are known. */
  isEstimate?: boolean;
}

/** What an unknown model has used. */
export interface UnpricedUsage {
  modelId: string;
  inputTokens: number;
  outputTokens: number;
  records: number;
}

/** What a time to come will cost if it goes on like this. */
export interface CostProjection {
  projectionPeriod: 'daily' | 'weekly' | 'monthly';
  projectedCost: number;
  /** From 0 (nothing to go by) over 0.1 (three days and less) to 0.95: the share of thirty days that is known. */
  confidence: number;
  /** Days between the first and the last usage, rounded to a tenth. */
  basedOnDays: number;
}

/** How a `CostCalculator` is made, beside a list of prices. */
export interface CostCalculatorOptions {
  /** Over all other prices. Several of one model are its history, by `effectiveDate`. */
  prices?: ModelPricing[];
  /** Default `'estimate'`. */
  unknownModel?: UnknownModelPolicy;
  /** Units of each currency for one US dollar, such as `{ EUR: 0.92 }`, over those of the published module. */
  currencyRates?: Record<string, number | string>;
  /** Of `costOf` and `estimateCost`; default `'USD'`. */
  currency?: Currency;
}

/** Tokens whose price in micro-units a {@link PriceSource} is asked for. */
export interface MeteredUsage {
  model: string;
  provider?: string;
  timestamp?: Date;
  promptTokens: number;
  completionTokens: number;
  cacheReadTokens?: number;
  cacheWriteTokens?: number;
  reasoningTokens?: number;
  /** What it has beyond prompt and completion tokens is priced as the dearer of the two. */
  totalTokens?: number;
}

/** Of `priceSource`. */
export interface PriceSourceOptions {
  /** Default: the calculator's. */
  currency?: Currency;
  /** `'estimate'`: of an unknown model its dearest relative's price; else it has none, `null`. */
  unknownModel?: UnknownModelPolicy;
}

/** Prices for budgets in money: whole micro-units (10^-6) of `currency`; `null` for a model without a price. */
export interface PriceSource {
  readonly currency: Currency;
  /** The most that so many tokens can cost, rounded up. */
  reserveMicros(model: string, tokens: number): number | null;
  /** What they have cost, rounded half up. Never throws for tokens that were counted in another way. */
  usageMicros(usage: MeteredUsage): number | null;
}
