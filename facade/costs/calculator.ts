/** What usage costs, with the interface of the published module. */
import type {
  CallCost,
  CostCalculatorOptions,
  CostEstimate,
  CostOfOptions,
  CostProjection,
  Currency,
  CurrencyCode,
  ModelPricing,
  PricedUsage,
  PriceSource,
  PriceSourceOptions,
  TokenUsageRecord,
  UnknownModelPolicy,
  UsageCost,
} from '../types/costs';
import { boolean, count, object, oneOf, onlyNames, own, text } from '../validate';
import { amountUp, numberOf } from './decimal';
import { estimateOf } from './estimate';
import { POLICIES, readOptions } from './options';
import { priceSource } from './price-source';
import { PROJECTION_PERIODS } from './projection';
import { PUBLISHED_PRICES } from './published-prices';
import type { CurrencyRates } from './rates';
import { type CheckedPricing, readPricing } from './read-prices';
import { type CheckedUsage, isPlain, readUsage } from './read-usage';
import { shippedPrices, shippedVersion } from './snapshot';
import { type Priced, PriceTable } from './table';
import { MAKERS, viewOf } from './views';

const MODEL_MAX_BYTES = 256;
const COST_OPTIONS: ReadonlySet<string> = new Set<keyof CostOfOptions>(['asPublished']);
const SOURCE_OPTIONS: ReadonlySet<string> = new Set<keyof PriceSourceOptions>(['currency', 'unknownModel']);

/**
 * What tokens cost. Prices come from a snapshot of what providers ask (`pricesVersion`), over which you may lay your own;
 * all sums are exact until they are shown. Nothing is asked of anybody: it works offline, and reads the snapshot when a
 * price is first needed.
 *
 * Methods of the published module answer what they answered there, in floating point; `costOf` and `estimateCost` are
 * exact, and know caches, reasoning, batches and long contexts. `docs/costs.md` says where the two differ.
 *
 * @example
 * ```ts
 * const calculator = new CostCalculator({ unknownModel: 'reject', currencyRates: { EUR: '0.8631' } });
 * const { inputPico, outputPico } = calculator.costOf({
 *   modelId: 'claude-sonnet-4-5', inputTokens: 12_000, cacheReadTokens: 10_000, outputTokens: 800,
 * });
 * ```
 */
export class CostCalculator {
  readonly #rates: CurrencyRates;
  readonly #table: PriceTable;
  readonly #policy: UnknownModelPolicy;
  readonly #currency: Currency;
  /** Prices that were given, by model, for the views. */
  readonly #own = new Map<string, CheckedPricing>();

  /**
   * Throws `INVALID_CONFIG` for a price, a rate or an option that cannot be.
   *
   * @param options A list of prices over all others, or options.
   */
  constructor(options?: ModelPricing[] | CostCalculatorOptions) {
    const checked = readOptions(options);
    this.#rates = checked.rates;
    this.#policy = checked.unknownModel;
    this.#currency = checked.currency;
    this.#table = new PriceTable(checked.rates);
    for (const pricing of checked.prices) this.#add(pricing);
  }

  /** Of the prices that are shipped: `genai-prices 0.1.8 (2026-09-23)`. */
  get pricesVersion(): string {
    return shippedVersion();
  }

  /** Sets the prices of a model, over all others that it has. */
  addCustomPricing(pricing: ModelPricing): void {
    this.#add(readPricing(pricing, 'pricing', this.#rates));
  }

  /** The prices of a model at present, under any of its names; `null` when it has none. */
  getModelPricing(modelId: string): ModelPricing | null {
    const name = readModel(modelId, 'modelId');
    const priced = this.#find(name);
    if (priced === null) return null;
    const own = this.#own.get(name) ?? this.#own.get(priced.id);
    if (own !== undefined) return this.#view(own);
    const view = viewOf(this.#table.describe(priced, Date.now()), shippedSinceMs());
    const published =
      PUBLISHED_PRICES.find(pricing => pricing.modelId === name) ??
      PUBLISHED_PRICES.find(pricing => pricing.modelId === priced.id);
    return published === undefined ? view : { ...view, ...published };
  }

  /**
   * The cost of one record. `INVALID_ARGUMENT` names what is wrong with it, and under the policy `'reject'` a model without
   * a price.
   */
  calculateRecordCost(record: TokenUsageRecord, targetCurrency: CurrencyCode = 'USD'): number {
    const usage = readUsage(record, 'record');
    const nano = this.#rates.nano(targetCurrency, 'targetCurrency');
    const { inputPico, outputPico } = this.#cost(usage, isPlain(usage), 'record.modelId', nano);
    return numberOf(inputPico + outputPico);
  }

  /**
   * What records have cost, by model, and on request what a period to come will cost if it goes on like this. Usage
   * without a price is treated as the calculator's policy says: estimated rows are marked, unpriced usage is listed.
   */
  calculateCostEstimate(
    records: TokenUsageRecord[],
    targetCurrency: CurrencyCode = 'USD',
    includeProjection = false,
    projectionPeriod?: CostProjection['projectionPeriod'],
  ): CostEstimate {
    const nano = this.#rates.nano(targetCurrency, 'targetCurrency');
    const period =
      projectionPeriod === undefined
        ? undefined
        : oneOf(projectionPeriod, 'projectionPeriod', PROJECTION_PERIODS);
    const target = { currency: targetCurrency, nano };
    return estimateOf(this.#table, records, target, this.#policy, includeProjection ? period : undefined);
  }

  /** An amount in another currency, by the rates that are set. */
  convertCurrency(amount: number, fromCurrency: CurrencyCode, toCurrency: CurrencyCode): number {
    return this.#rates.convert(amount, fromCurrency, toCurrency);
  }

  /**
   * The prices at present of all models of the published module, of your own, and of those that Anthropic, OpenAI and
   * Google make. Models of others are found by `getModelPricing`.
   */
  getAllPricing(): ModelPricing[] {
    const all = new Map<string, ModelPricing>();
    for (const { modelId } of PUBLISHED_PRICES) {
      const pricing = this.getModelPricing(modelId);
      if (pricing !== null) all.set(modelId, pricing);
    }
    for (const [modelId, pricing] of this.#own) all.set(modelId, this.#view(pricing));
    for (const maker of MAKERS) {
      for (const modelId of JSON.parse(shippedPrices().modelsOf(maker)) as string[]) {
        const priced = all.has(modelId) ? null : this.#find(modelId, maker);
        if (priced === null) continue;
        all.set(modelId, { ...viewOf(this.#table.describe(priced, Date.now()), shippedSinceMs()), modelId });
      }
    }
    return [...all.values()];
  }

  /** The price of a thousand tokens at present, in the currency of the model's prices; `null` when it has none. */
  getCostPer1KTokens(modelId: string, type: 'input' | 'output'): number | null {
    const kind = oneOf(type, 'type', ['input', 'output']);
    const pricing = this.getModelPricing(modelId);
    if (pricing === null) return null;
    return (kind === 'input' ? pricing.inputTokenCost : pricing.outputTokenCost) / 1000;
  }

  /**
   * The exact cost of one usage, by the prices of its time and of who sold it.
   *
   * @example
   * ```ts
   * const { inputPico, outputPico, currency } = calculator.costOf({
   *   modelId: 'gpt-4o', inputTokens: 1000, outputTokens: 500, batch: true,
   * });
   * ```
   */
  costOf(usage: PricedUsage, options: CostOfOptions = {}): UsageCost {
    const checked = readUsage(usage, 'usage');
    const given = object(options, 'options');
    onlyNames(given, 'options', COST_OPTIONS);
    const asked = own(given, 'asPublished', 'options');
    const asPublished = asked === undefined ? false : boolean(asked, 'options.asPublished');
    const nano = this.#rates.nano(this.#currency, 'currency');
    return this.#cost(checked, asPublished && isPlain(checked), 'usage.modelId', nano);
  }

  /** What a call costs at most: nothing is known of caches yet. */
  estimateCost(model: string, inputTokens: number, maxOutputTokens: number): CallCost {
    const usage = {
      modelId: readModel(model, 'model'),
      inputTokens: count(inputTokens, 'inputTokens'),
      outputTokens: count(maxOutputTokens, 'maxOutputTokens'),
    };
    const nano = this.#rates.nano(this.#currency, 'currency');
    const cost = this.#cost(readUsage(usage, 'usage'), false, 'model', nano);
    return { ...cost, amount: amountUp(cost.inputPico + cost.outputPico) };
  }

  /**
   * What one US dollar is in a currency. A number or a decimal string, of which nine decimals count. Costs of before are
   * not changed.
   *
   * @example
   * ```ts
   * calculator.setCurrencyRate('CHF', '0.8042');
   * calculator.convertCurrency(10, 'USD', 'CHF'); // 8.042
   * ```
   */
  setCurrencyRate(currency: CurrencyCode, unitsPerDollar: number | string): void {
    this.#rates.set(currency, unitsPerDollar, 'unitsPerDollar');
  }

  /**
   * Prices for budgets in money, in whole micro-units. An unknown model has none (`null`), whatever the calculator's policy
   * is, unless `unknownModel` is `'estimate'`: a limit is not to be kept by a guess that nobody asked for.
   */
  priceSource(options: PriceSourceOptions = {}): PriceSource {
    const source = object(options, 'options');
    onlyNames(source, 'options', SOURCE_OPTIONS);
    const policy = own(source, 'unknownModel', 'options');
    const unknownModel = policy === undefined ? 'reject' : oneOf(policy, 'options.unknownModel', POLICIES);
    const given = own(source, 'currency', 'options');
    const currency = given === undefined ? this.#currency : (given as Currency);
    const nano = () => this.#rates.nano(currency, 'options.currency');
    nano();
    return priceSource(this.#table, currency, nano, unknownModel);
  }

  #add(pricing: CheckedPricing): void {
    this.#table.set(pricing.model);
    this.#own.set(pricing.model.id, pricing);
  }

  /** A price as it was given; of a history the one in force. */
  #view({ model, given }: CheckedPricing): ModelPricing {
    const priced = model.prices.length > 1 ? this.#find(model.id) : null;
    return priced === null ? { ...given } : viewOf(this.#table.describe(priced, Date.now()), 0);
  }

  #find(modelId: string, provider = ''): Priced | null {
    return this.#table.find(modelId, provider, { policy: 'unpriced', asPublished: false, field: 'modelId' });
  }

  #cost(usage: CheckedUsage, asPublished: boolean, field: string, nano: number): UsageCost {
    const currency = this.#currency;
    const priced = this.#table.find(usage.modelId, usage.provider, {
      policy: this.#policy,
      asPublished,
      field,
    });
    if (priced === null) {
      return { inputPico: 0n, outputPico: 0n, currency, isPriced: false, model: null, isEstimate: false };
    }
    const { inputPico, outputPico } = this.#table.costOf(priced, usage, nano);
    return {
      inputPico,
      outputPico,
      currency,
      isPriced: true,
      model: priced.id,
      isEstimate: priced.isEstimate,
    };
  }
}

let shared: CostCalculator | undefined;

/**
 * The calculator that everybody shares. With prices or options a new one takes its place.
 *
 * @example
 * ```ts
 * const cost = getCostCalculator().calculateRecordCost(record, 'EUR');
 * ```
 */
export function getCostCalculator(options?: ModelPricing[] | CostCalculatorOptions): CostCalculator {
  if (shared === undefined || options) shared = new CostCalculator(options);
  return shared;
}

function readModel(value: unknown, at: string): string {
  return text(value, at, MODEL_MAX_BYTES, 'lone allowed');
}

/** What always held is said to have held when the prices were published. */
function shippedSinceMs(): number {
  return Date.parse(shippedPrices().date());
}
