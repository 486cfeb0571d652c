/** What currencies are worth. */
import { TokenBudgetError } from '../errors';
import { invalid, join, object, own, ownNames } from '../validate';
import { scaled } from './decimal';

const NANO_DIGITS = 9;
/** Units for one US dollar, in billionths: beyond it numbers are not exact. */
const RATE_MAX = 9_000_000e9;
const CODE = /^[A-Z]{3}$/;

/** As in the published module. */
const DEFAULTS: ReadonlyArray<readonly [string, number]> = [
  ['USD', 1e9],
  ['EUR', 920_000_000],
  ['GBP', 790_000_000],
];

/** Units of each currency for one US dollar, in billionths. */
export class CurrencyRates {
  readonly #nano = new Map<string, number>(DEFAULTS);

  /** `units`: a number or a decimal string, at most nine decimals of which count. */
  set(code: unknown, units: unknown, at: string): void {
    const known = readCode(code, 'currency');
    if (known === 'USD')
      throw invalid(at, 'another currency than USD, which all rates are measured in', code);
    const nano = scaled(units, at, NANO_DIGITS, RATE_MAX);
    if (nano === 0) throw invalid(at, 'more than 0', units);
    this.#nano.set(known, nano);
  }

  setAll(rates: unknown, at: string): void {
    const source = object(rates, at);
    for (const name of ownNames(source, at)) this.set(name, own(source, name, at), join(at, name));
  }

  /** In billionths. Throws `INVALID_ARGUMENT` for a currency that has none. */
  nano(code: unknown, at: string): number {
    const nano = typeof code === 'string' ? this.#nano.get(code) : undefined;
    if (nano !== undefined) return nano;
    throw invalid(at, `a currency with a rate (${[...this.#nano.keys()].join(', ')})`, code);
  }

  /** In the way of the published module: over the dollar, in floating point, so that results are the same. */
  convert(amount: number, from: unknown, to: unknown): number {
    const fromNano = this.nano(from, 'fromCurrency');
    const toNano = this.nano(to, 'toCurrency');
    if (typeof amount !== 'number' || !Number.isFinite(amount)) throw invalid('amount', 'a number', amount);
    if (from === to) return amount;
    return (amount / (fromNano / 1e9)) * (toNano / 1e9);
  }
}

function readCode(code: unknown, at: string): string {
  if (typeof code === 'string' && CODE.test(code)) return code;
  if (typeof code === 'string') {
    const message = `${at}: expected three capital letters such as EUR`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
  }
  throw invalid(at, 'three capital letters such as EUR', code);
}
