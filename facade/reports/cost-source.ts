import { wholeOf } from '../costs/whole';
import { TokenBudgetError } from '../errors';
import { readMoney } from '../money';
import type {
  CostEstimate,
  CostOfOptions,
  Currency,
  ModelPricing,
  PricedUsage,
  TokenUsageRecord,
  UsageCost,
} from '../types/costs';
import type { Money } from '../types/money';
import { invalid } from '../validate';
import { convertPico, picoOf } from './pico';

/** What a usage cost when it was recorded. */
export interface RecordedCost {
  inputPico: bigint;
  outputPico: bigint;
  /** ISO 4217. */
  currency: string;
  isPriced: boolean;
}

export const NO_COST: RecordedCost = { inputPico: 0n, outputPico: 0n, currency: 'USD', isPriced: false };

/** What reports ask of a calculator: the published class has the first two, and whoever is exact has `costOf`. */
export interface ReportCalculator {
  calculateCostEstimate(records: TokenUsageRecord[], targetCurrency?: Currency): CostEstimate;
  convertCurrency(amount: number, fromCurrency: Currency, toCurrency: Currency): number;
  getModelPricing?(modelId: string): ModelPricing | null;
  costOf?(record: PricedUsage, options?: CostOfOptions): UsageCost;
}

/** Prices usages for reports. What a calculator throws is told as `INVALID_ARGUMENT`, unless it says another code. */
export interface CostSource {
  /** Throws where the calculator refuses models that it does not know. */
  costOf(usage: TokenUsageRecord): RecordedCost;
  /** A cost that was told, in both sides as the calculator would divide it. `undefined`: in a currency without a rate. */
  costTold(usage: TokenUsageRecord, cost: Money): RecordedCost | undefined;
  /** Half up to a pico-unit. */
  convert(pico: bigint, from: string, to: string): bigint;
  /** `undefined`: it knows none. */
  providerOf(modelId: string): string | undefined;
  /** Whether the prices of the model are those of another one, because none are known. */
  isEstimate(modelId: string): boolean;
}

/** Throws `INVALID_ARGUMENT` for what is no calculator. `asPublished`: see {@link CostOfOptions}. */
export function costSource(calculator: ReportCalculator, at = 'calculator', asPublished = true): CostSource {
  checkCalculator(calculator, at);
  const costOf = (usage: TokenUsageRecord) =>
    asked(() => {
      if (calculator.costOf === undefined) return estimated(calculator, usage);
      return readCost(calculator.costOf(pricedUsage(usage), { asPublished }));
    });
  const convert = (pico: bigint, from: string, to: string) => {
    if (from === to || pico === 0n) return pico;
    const rate = asked(() => calculator.convertCurrency(1, from as Currency, to as Currency));
    return convertPico(pico, rate);
  };
  return {
    ...{ costOf, convert },
    costTold: (usage, told) => {
      const { currency } = told;
      const micros = readMoney(told, 'usage.cost', { currency, rates: new Map() }, 'half up');
      const total = BigInt(micros) * 1_000_000n;
      const [pico, kept] = ALWAYS_KNOWN.has(currency)
        ? [total, currency]
        : [triedOr(undefined, () => convert(total, currency, 'USD')), 'USD'];
      if (pico === undefined) return undefined;
      const known = triedOr(NO_COST, () => costOf(usage));
      const inputPico = inputShare(pico, known, usage);
      return { inputPico, outputPico: pico - inputPico, currency: kept, isPriced: true };
    },
    providerOf: modelId => triedOr(undefined, () => calculator.getModelPricing?.(modelId)?.provider),
    // A calculator may refuse models that it does not know.
    isEstimate: modelId =>
      triedOr(false, () => {
        const usage = { modelId, inputTokens: 0, outputTokens: 0 };
        return calculator.costOf?.(usage, { asPublished }).isEstimate ?? false;
      }),
  };
}

/** Currencies that every calculator can convert, whatever rates it was given. */
const ALWAYS_KNOWN: ReadonlySet<string> = new Set<Currency>(['USD', 'EUR', 'GBP']);

function checkCalculator(calculator: unknown, at: string): void {
  const given = (typeof calculator === 'object' && calculator) || undefined;
  for (const method of ['calculateCostEstimate', 'convertCurrency'] as const) {
    if (typeof (given as Partial<ReportCalculator> | undefined)?.[method] === 'function') continue;
    throw invalid(at, 'a calculator with calculateCostEstimate and convertCurrency', calculator);
  }
}

/** What a caller's calculator throws has no code of its own. */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    if (cause instanceof TokenBudgetError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenBudgetError('INVALID_ARGUMENT', `calculator: it failed: ${reason}`, {
      ...{ field: 'calculator', cause },
    });
  }
}

function triedOr<T>(otherwise: T, ask: () => T): T {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

/** Divides a cost as the known one is divided, or where none is known, as the tokens are. */
function inputShare(pico: bigint, known: RecordedCost, usage: TokenUsageRecord): bigint {
  const priced = known.inputPico + known.outputPico;
  if (priced > 0n) return (pico * known.inputPico) / priced;
  const tokens = BigInt(usage.inputTokens) + BigInt(usage.outputTokens);
  return tokens === 0n ? 0n : (pico * BigInt(usage.inputTokens)) / tokens;
}

/** Of a caller's class, perhaps. */
function readCost(cost: UsageCost): RecordedCost {
  const { inputPico, outputPico, currency, isPriced } = cost;
  if (typeof inputPico !== 'bigint' || typeof outputPico !== 'bigint' || inputPico < 0n || outputPico < 0n) {
    throw invalid('calculator', 'costs that are bigints from 0 on', inputPico);
  }
  return { inputPico, outputPico, currency, isPriced };
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
  const cached = (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0);
  const priced: PricedUsage = {
    modelId,
    timestamp,
    // Tokens that are gone are recorded however they were counted.
    inputTokens: wholeOf(inputTokens, cached),
    outputTokens: wholeOf(outputTokens, reasoningTokens ?? 0),
  };
  if (provider !== '') priced.provider = provider;
  if (cacheReadTokens !== undefined) priced.cacheReadTokens = cacheReadTokens;
  if (cacheWriteTokens !== undefined) priced.cacheWriteTokens = cacheWriteTokens;
  if (reasoningTokens !== undefined) priced.reasoningTokens = reasoningTokens;
  if (batch !== undefined) priced.batch = batch;
  return priced;
}
