/** Where a tracker's prices come from. */
import { decimalText, exchange, type MoneyTerms, readCurrency } from './money';
import type { Currency } from './types/costs';
import type { BudgetPrices, PricedTokens } from './types/money';
import * as check from './validate';

/** What a tracker knows of money. */
export interface MoneySettings {
  terms: MoneyTerms;
  prices: BudgetPrices;
  unknownModel: 'reject' | 'unpriced';
  /** Whether usage is priced from the beginning: there are limits of money, or it was asked for. */
  isActive: boolean;
}

/** Prices of who brings none: those of the snapshot, which are in dollars. */
function defaultPrices({ currency, rates }: MoneyTerms): BudgetPrices {
  // Read when something is first priced: most trackers never ask.
  const { CostCalculator } = require('./costs/calculator') as typeof import('./costs/calculator');
  const rate = rates.get(currency);
  const currencyRates = rate === undefined || currency === 'USD' ? {} : { [currency]: decimalText(rate) };
  return new CostCalculator({ currencyRates }).priceSource({ currency: currency as Currency });
}

/** The same, looked for when something is first priced: most trackers never ask. Throws when they could not be converted. */
export function pricesWhenAsked(terms: MoneyTerms): BudgetPrices {
  const { currency, rates } = terms;
  if (currency !== 'USD' && !rates.has(currency)) {
    throw check.invalid(
      `currencyRates.${currency}`,
      `the units of ${currency} for one US dollar, or a priceSource, for prices are in dollars`,
      undefined,
    );
  }
  let prices: BudgetPrices | undefined;
  const found = () => {
    prices ??= defaultPrices(terms);
    return prices;
  };
  return {
    reserveMicros: (model, tokens) => found().reserveMicros(model, tokens),
    usageMicros: usage => found().usageMicros(usage),
  };
}

/** A source tells its currency, or counts in that of the tracker. */
export function readPrices(value: unknown, at: string, terms: MoneyTerms): BudgetPrices {
  const source = check.object(value, at) as Partial<BudgetPrices>;
  for (const name of ['reserveMicros', 'usageMicros'] as const) {
    if (typeof source[name] !== 'function') throw check.invalid(`${at}.${name}`, 'a function', source[name]);
  }
  const given = source.currency;
  const currency = given === undefined ? terms.currency : readCurrency(given, `${at}.currency`);
  const counted = (value: unknown, rounding: 'up' | 'half up') => {
    const found = micros(value);
    if (found === null || currency === terms.currency) return found;
    return exchange(found, currency, at, terms, rounding);
  };
  // Throws where there is no rate.
  counted(0, 'up');
  return {
    reserveMicros: (model, tokens) => counted(source.reserveMicros?.(model, tokens), 'up'),
    usageMicros: (usage: PricedTokens) => counted(source.usageMicros?.(usage), 'half up'),
  };
}

/** What cannot be counted is no price. */
function micros(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
