/** Prices by model, from the native table, under a policy about models that are unknown. */
import { TokenBudgetError } from '../errors';
import { PriceTable as NativeTable } from '../native';
import { shortened } from '../text';
import type { UnknownModelPolicy } from '../types/costs';
import { isPublishedEverywhere, PUBLISHED_PRICES } from './published-prices';
import type { CurrencyRates } from './rates';
import { type NativeModel, readPricing } from './read-prices';
import type { CheckedUsage } from './read-usage';
import { shippedPrices } from './snapshot';

/** A model that has prices. */
export interface Priced {
  handle: number;
  id: string;
  provider: string;
  currency: string;
  /** They are another model's, because this one has none. */
  isEstimate: boolean;
}

/** Exact, in pico-units. */
export interface Sum {
  inputPico: bigint;
  outputPico: bigint;
}

export interface Wanted {
  policy: UnknownModelPolicy;
  /** Where the published module's results are wanted. */
  asPublished: boolean;
  /** Of the model's name, for errors. */
  field: string;
}

/** Numbers of one usage, words of one sum, as in `src/binding/costs.rs`. */
const USAGE_NUMBERS = 10;
const SUM_WORDS = 4;
const BATCH_USAGES = 256;
/** Names come from outside: so many are remembered. */
const NAMES_MAX = 10_000;

export class PriceTable {
  readonly #rates: CurrencyRates;
  #native: NativeTable | undefined;
  /** Prices that were given before anything was looked up. */
  readonly #given: NativeModel[] = [];
  /** By how it is wanted, provider and name; `null`: unknown. */
  readonly #found = new Map<string, Priced | null>();
  readonly #usages = new Float64Array(USAGE_NUMBERS * BATCH_USAGES);
  readonly #sum = new BigUint64Array(SUM_WORDS);

  constructor(rates: CurrencyRates) {
    this.#rates = rates;
  }

  /** Over all other prices. */
  set(model: NativeModel): void {
    if (this.#native === undefined) this.#given.push(model);
    else this.#native.setPrices(JSON.stringify(model), false);
    this.#found.clear();
  }

  /** `null` when it has no price and the policy is not to reject it. */
  find(modelId: string, provider: string, wanted: Wanted): Priced | null {
    const key = `${wanted.policy} ${wanted.asPublished}\0${provider}\0${modelId}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#look(modelId, provider, wanted);
      if (this.#found.size >= NAMES_MAX) this.#found.clear();
      this.#found.set(key, found);
    }
    if (found === null && wanted.policy === 'reject') throw unknownModel(modelId, wanted.field);
    return found;
  }

  /** What is known of it at an instant. */
  describe({ handle }: Priced, atMs: number): NativeModel & { prices: NativeModel['prices'][number] } {
    return JSON.parse(this.#table().describe(handle, atMs));
  }

  /** The exact cost of one usage in another currency. */
  costOf(priced: Priced, usage: CheckedUsage, toNano: number): Sum {
    this.#write(0, 0, priced, usage);
    this.#sum.fill(0n);
    this.#table().addCosts(this.#usages, 1, toNano, this.#sum);
    return sumAt(this.#sum, 0);
  }

  /** The exact costs of many, added up by group. */
  sums(
    usages: Iterable<{ priced: Priced; usage: CheckedUsage; group: number }>,
    groups: number,
    toNano: number,
  ) {
    const sums = new BigUint64Array(SUM_WORDS * groups);
    let written = 0;
    const flush = () => {
      this.#table().addCosts(this.#usages, written, toNano, sums);
      written = 0;
    };
    for (const { priced, usage, group } of usages) {
      this.#write(written++, group, priced, usage);
      if (written === BATCH_USAGES) flush();
    }
    flush();
    return Array.from({ length: groups }, (_, group) => sumAt(sums, group));
  }

  /** The most that so many tokens cost, in micro-units, rounded up. */
  mostMicros(priced: Priced, atMs: number, tokens: number, toNano: number): number {
    const fromNano = this.#rates.nano(priced.currency, 'currency');
    return this.#table().mostMicros(priced.handle, atMs, tokens, fromNano, toNano);
  }

  #look(modelId: string, provider: string, wanted: Wanted): Priced | null {
    const table = this.#table();
    let handle = table.find(modelId, provider, wanted.asPublished);
    const isEstimate = handle < 0 && wanted.policy === 'estimate';
    if (isEstimate) handle = table.estimate(modelId, Date.now());
    if (handle < 0) return null;
    const { id, provider: seller, currency } = JSON.parse(table.describe(handle, Date.now()));
    return { handle, id, provider: seller, currency, isEstimate };
  }

  #write(index: number, group: number, priced: Priced, usage: CheckedUsage): void {
    const numbers = this.#usages;
    let at = index * USAGE_NUMBERS;
    numbers[at++] = priced.handle;
    numbers[at++] = group;
    numbers[at++] = usage.atMs;
    numbers[at++] = usage.input;
    numbers[at++] = usage.output;
    numbers[at++] = usage.cacheRead;
    numbers[at++] = usage.cacheWrite;
    numbers[at++] = usage.reasoning;
    numbers[at++] = usage.isBatch ? 1 : 0;
    numbers[at] = this.#rates.nano(priced.currency, 'currency');
  }

  #table(): NativeTable {
    if (this.#native !== undefined) return this.#native;
    const table = new NativeTable(shippedPrices());
    for (const pricing of PUBLISHED_PRICES) {
      const { model } = readPricing(pricing, 'prices', this.#rates);
      table.setPrices(JSON.stringify(model), !isPublishedEverywhere(model.id));
    }
    for (const model of this.#given.splice(0)) table.setPrices(JSON.stringify(model), false);
    this.#native = table;
    return table;
  }
}

function sumAt(sums: BigUint64Array, group: number): Sum {
  const word = (index: number) => sums[group * SUM_WORDS + index] ?? 0n;
  return { inputPico: word(0) + (word(1) << 64n), outputPico: word(2) + (word(3) << 64n) };
}

function unknownModel(modelId: string, field: string): TokenBudgetError {
  const message = `${field}: expected a model with a price, got ${JSON.stringify(shortened(modelId))}; give its price, or choose another unknownModel policy`;
  return new TokenBudgetError('INVALID_ARGUMENT', message, { field });
}
