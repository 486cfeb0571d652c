/** Money outside, whole micro-units (10^-6) of the tracker's currency inside. */
import { TokenBudgetError } from './errors';
import { describe } from './text';
import type { Money } from './types/money';
import * as check from './validate';

const MICRO_DIGITS = 6;
const MICROS = 10 ** MICRO_DIGITS;
const MAX_MICROS = BigInt(Number.MAX_SAFE_INTEGER);
/** `12`, `12.5`, and what JavaScript makes of very large and very small numbers. */
const DECIMAL = /^(\d{1,40})(?:\.(\d{1,40}))?(?:e([+-]\d{1,3}))?$/;
const CODE = /^[A-Z]{3}$/;
const NAMES: ReadonlySet<string> = new Set<keyof Money>(['amount', 'currency']);

/** An exact number, `digits / 10^places`. */
interface Decimal {
  digits: bigint;
  places: bigint;
}

/** In which currency a tracker counts, and what others are worth in it. */
export interface MoneyTerms {
  readonly currency: string;
  /** Units of a currency for one US dollar. */
  readonly rates: ReadonlyMap<string, Decimal>;
}

export const DOLLARS: MoneyTerms = { currency: 'USD', rates: new Map() };

export function readCurrency(value: unknown, at: string): string {
  if (typeof value === 'string' && CODE.test(value)) return value;
  throw check.invalid(at, `the code of a currency, such as 'USD'`, value);
}

/** Units of each currency for one US dollar. */
export function readRates(value: unknown, at: string): ReadonlyMap<string, Decimal> {
  const source = check.object(value, at);
  const rates = new Map<string, Decimal>();
  for (const code of check.ownNames(source, at)) {
    const path = check.join(at, code);
    readCurrency(code, path);
    const rate = decimal(check.own(source, code, at));
    if (rate === undefined || rate.digits === 0n) {
      throw check.invalid(path, 'a number above 0, or one as decimal text', check.own(source, code, at));
    }
    rates.set(code, rate);
  }
  return rates;
}

/**
 * Whole micro-units of the tracker's currency. What is held is rounded up, everything else half up.
 *
 * @example
 * ```ts
 * readMoney({ amount: '0.0000015', currency: 'USD' }, 'cost', DOLLARS, 'up'); // 2
 * ```
 */
export function readMoney(value: unknown, at: string, terms: MoneyTerms, rounding: 'up' | 'half up'): number {
  const { amount, given, currency } = read(value, at);
  const micros = microsOf(amount, currency, at, terms, rounding);
  if (micros <= MAX_MICROS) return Number(micros);
  throw check.invalid(`${at}.amount`, `at most ${textOf(Number.MAX_SAFE_INTEGER)} ${terms.currency}`, given);
}

/** The same of a limit, half up: what is too little to be counted would be a limit of nothing. */
export function readLimit(value: unknown, at: string, terms: MoneyTerms): number {
  const micros = readMoney(value, at, terms, 'half up');
  if (micros > 0) return micros;
  const { amount, given } = read(value, at);
  if (amount.digits === 0n) return 0;
  throw check.invalid(`${at}.amount`, `0, or at least ${textOf(1)} ${terms.currency}`, given);
}

/** Micro-units of one currency in the tracker's; more than can be counted are as many as can. */
export function exchange(
  micros: number,
  currency: string,
  at: string,
  terms: MoneyTerms,
  rounding: 'up' | 'half up',
): number {
  const amount = { digits: BigInt(micros), places: BigInt(MICRO_DIGITS) };
  const exchanged = microsOf(amount, currency, at, terms, rounding);
  return Number(exchanged < MAX_MICROS ? exchanged : MAX_MICROS);
}

function read(value: unknown, at: string): { amount: Decimal; given: unknown; currency: string } {
  const source = check.object(value, at);
  check.onlyNames(source, at, NAMES);
  const given = check.own(source, 'amount', at);
  const amount = decimal(given);
  if (amount === undefined) {
    throw check.invalid(`${at}.amount`, 'a number that is not negative, or one as decimal text', given);
  }
  return { amount, given, currency: readCurrency(check.own(source, 'currency', at), `${at}.currency`) };
}

function microsOf(
  amount: Decimal,
  currency: string,
  at: string,
  terms: MoneyTerms,
  rounding: 'up' | 'half up',
): bigint {
  const from = rateOf(currency, at, currency, terms);
  const to = rateOf(terms.currency, at, currency, terms);
  // amount * to / from, in micro-units.
  const over = amount.digits * to.digits * 10n ** (BigInt(MICRO_DIGITS) + from.places);
  const under = from.digits * 10n ** (amount.places + to.places);
  return rounding === 'up' ? (over + under - 1n) / under : (over * 2n + under) / (under * 2n);
}

/** Exact: `{ amount: '25.00', currency: 'USD' }`. */
export function moneyOf(micros: number, currency: string): Money & { amount: string } {
  return { amount: textOf(micros), currency };
}

function textOf(micros: number): string {
  const fraction = String(micros % MICROS).padStart(MICRO_DIGITS, '0');
  // Cents are always written.
  return `${Math.floor(micros / MICROS)}.${fraction.slice(0, 2)}${fraction.slice(2).replace(/0+$/, '')}`;
}

const ONE: Decimal = { digits: 1n, places: 0n };

/** The rate of `currency`; that of the same currency need not be known. */
function rateOf(currency: string, at: string, given: string, terms: MoneyTerms): Decimal {
  if (given === terms.currency) return ONE;
  const rate = terms.rates.get(currency) ?? (currency === 'USD' ? ONE : undefined);
  if (rate !== undefined) return rate;
  const message = `${at}.currency: no rate is known of ${describe(currency)} (currencyRates), and the tracker counts in ${terms.currency}`;
  throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: `${at}.currency` });
}

/** In decimal text, with as many places as it has. */
export function decimalText({ digits, places }: Decimal): string {
  const count = Number(places);
  if (count <= 0) return String(digits * 10n ** -places);
  const text = String(digits).padStart(count + 1, '0');
  return `${text.slice(0, -count)}.${text.slice(-count)}`;
}

/** `undefined`: it is none from 0 on. */
export function decimal(value: unknown): Decimal | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const parts = DECIMAL.exec(String(value));
  if (parts === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = parts;
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places >= 0
    ? { digits, places: BigInt(places) }
    : { digits: digits * 10n ** BigInt(-places), places: 0n };
}
