/** Prices as callers give them, checked and exact, for the native table. */
import type { ModelPricing } from '../types/costs';
import { count, elements, instant, integer, invalid, join, object, own, text } from '../validate';
import { scaled } from './decimal';
import type { CurrencyRates } from './rates';

const NAME_MAX_BYTES = 256;
const MICRO_DIGITS = 6;
/** A billion per million tokens, in millionths; as in `src/domain/costs/price.rs`. */
const PRICE_MAX = 1e15;
/** A thousand per request, in pico-units. */
const PICO_DIGITS = 12;
const REQUEST_MAX = 1e15;
const PRICES_MAX = 100_000;
const TIERS_MAX = 100;

/** Fields of the native table by those of a `ModelPricing`. */
const KINDS = [
  ['input', 'inputTokenCost'],
  ['output', 'outputTokenCost'],
  ['cacheRead', 'cacheReadTokenCost'],
  ['cacheWrite', 'cacheWriteTokenCost'],
  ['reasoning', 'reasoningTokenCost'],
] as const;
type Kind = (typeof KINDS)[number][0];

/** Micro-units per million tokens, or `[base, start, price, ...]`. */
export type NativePrice = number | number[];

export type NativePrices = { [kind in Kind]?: NativePrice } & {
  requestPico?: number;
  fromMs?: number;
  dailyMs?: [number, number];
};

/** A model as the native table takes and describes it. */
export interface NativeModel {
  id: string;
  provider: string;
  currency: string;
  batchPercent: number;
  prices: NativePrices[];
}

export interface CheckedPricing {
  model: NativeModel;
  /** Since when; `undefined`: it was not said. */
  effectiveMs: number | undefined;
  /** As it was given, for the views. */
  given: ModelPricing;
}

export function readPrices(value: unknown, at: string, rates: CurrencyRates): CheckedPricing[] {
  return elements(value, at, PRICES_MAX).map((one, index) => readPricing(one, `${at}[${index}]`, rates));
}

export function readPricing(value: unknown, at: string, rates: CurrencyRates): CheckedPricing {
  const source = object(value, at);
  const name = (key: string) => readName(own(source, key, at), join(at, key));
  const currency = own(source, 'currency', at);
  rates.nano(currency, join(at, 'currency'));
  const id = name('modelId');
  const provider = name('provider');
  const providerId = own(source, 'providerId', at) === undefined ? provider : name('providerId');
  const batchPercent = own(source, 'batchPercent', at);
  const effective = own(source, 'effectiveDate', at);
  return {
    model: {
      id,
      provider: providerId,
      currency: currency as string,
      batchPercent:
        batchPercent === undefined ? 100 : integer(batchPercent, join(at, 'batchPercent'), 0, 100),
      prices: [readKinds(source, at)],
    },
    effectiveMs: effective === undefined ? undefined : instant(effective, join(at, 'effectiveDate')),
    given: { ...(source as ModelPricing) },
  };
}

function readKinds(source: object, at: string): NativePrices {
  const tiers = own(source, 'longContext', at);
  const longer = tiers === undefined ? [] : readTiers(tiers, join(at, 'longContext'));
  const prices: NativePrices = {};
  for (const [kind, field] of KINDS) {
    const isNeeded = kind === 'input' || kind === 'output';
    const given = own(source, field, at);
    const higher = longer.flatMap(tier => {
      const price = tier.prices.get(kind);
      return price === undefined ? [] : [tier.start, price];
    });
    if (given === undefined && !isNeeded) {
      if (higher.length > 0) throw invalid(join(at, field), 'a price, as longContext has one', given);
      continue;
    }
    const base = readPrice(given, join(at, field));
    prices[kind] = higher.length === 0 ? base : [base, ...higher];
  }
  const request = own(source, 'requestCost', at);
  if (request !== undefined)
    prices.requestPico = scaled(request, join(at, 'requestCost'), PICO_DIGITS, REQUEST_MAX);
  return prices;
}

interface ReadTier {
  start: number;
  prices: Map<Kind, number>;
}

function readTiers(value: unknown, at: string): ReadTier[] {
  let before = -1;
  return elements(value, at, TIERS_MAX).map((one, index) => {
    const path = `${at}[${index}]`;
    const source = object(one, path);
    const field = join(path, 'aboveInputTokens');
    const start = count(own(source, 'aboveInputTokens', path), field);
    if (start <= before) throw invalid(field, `more than ${before}, as tiers ascend`, start);
    before = start;
    const prices = new Map<Kind, number>();
    for (const [kind, name] of KINDS) {
      const price = own(source, name, path);
      if (price !== undefined) prices.set(kind, readPrice(price, join(path, name)));
    }
    return { start, prices };
  });
}

function readPrice(value: unknown, at: string): number {
  if (typeof value !== 'number') throw invalid(at, 'a number', value);
  return scaled(value, at, MICRO_DIGITS, PRICE_MAX);
}

function readName(value: unknown, at: string): string {
  if (value === '') throw invalid(at, 'a name', value);
  return text(value, at, NAME_MAX_BYTES, 'well-formed');
}
