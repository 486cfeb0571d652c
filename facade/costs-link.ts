/** Where a tracker's prices come from. */
import { decimalText, type MoneyTerms } from './money';
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

/** Prices of who brings none: those of the snapshot. Without the caller's rate for the currency, costs have to be told. */
function defaultPrices({ currency, rates }: MoneyTerms): BudgetPrices | undefined {
  // Read when something is first priced: most trackers never ask.
  const { CostCalculator } = require('./costs/calculator') as typeof import('./costs/calculator');
  const rate = rates.get(currency);
  if (rate === undefined && currency !== 'USD') return undefined;
  const currencyRates = rate === undefined ? {} : { [currency]: decimalText(rate) };
  return new CostCalculator({ currencyRates }).priceSource({ currency: currency as Currency });
}

/** The same, looked for when something is first priced: most trackers never ask. */
export function pricesWhenAsked(terms: MoneyTerms): BudgetPrices {
  let prices: BudgetPrices | undefined | null = null;
  const found = () => {
    if (prices === null) prices = defaultPrices(terms);
    return prices;
  };
  return {
    reserveMicros: (model, tokens) => found()?.reserveMicros(model, tokens) ?? null,
    usageMicros: usage => found()?.usageMicros(usage) ?? null,
  };
}

export function readPrices(value: unknown, at: string): BudgetPrices {
  const source = check.object(value, at) as Partial<BudgetPrices>;
  for (const name of ['reserveMicros', 'usageMicros'] as const) {
    if (typeof source[name] !== 'function') throw check.invalid(`${at}.${name}`, 'a function', source[name]);
  }
  return {
    reserveMicros: (model, tokens) => micros(source.reserveMicros?.(model, tokens)),
    usageMicros: (usage: PricedTokens) => micros(source.usageMicros?.(usage)),
  };
}

/** What cannot be counted is no price. */
function micros(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
