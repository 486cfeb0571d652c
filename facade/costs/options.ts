/** Options of a `CostCalculator`, checked. */
import { TokenBudgetError } from '../errors';
import { isArray } from '../text';
import type { Currency, UnknownModelPolicy } from '../types/costs';
import { object, oneOf, onlyNames, own } from '../validate';
import { CurrencyRates } from './rates';
import { type CheckedPricing, readPrices } from './read-prices';

const KNOWN: ReadonlySet<string> = new Set(['prices', 'unknownModel', 'currencyRates', 'currency']);
export const POLICIES: readonly UnknownModelPolicy[] = ['reject', 'estimate', 'unpriced'];

export interface CheckedOptions {
  prices: CheckedPricing[];
  unknownModel: UnknownModelPolicy;
  rates: CurrencyRates;
  currency: Currency;
}

/** A list of prices, as the published constructor takes, or options. */
export function readOptions(value: unknown): CheckedOptions {
  try {
    return read(value);
  } catch (error) {
    if (!(error instanceof TokenBudgetError)) throw error;
    throw new TokenBudgetError('INVALID_CONFIG', error.message, {
      ...(error.field !== undefined && { field: error.field }),
      cause: error,
    });
  }
}

function read(value: unknown): CheckedOptions {
  const rates = new CurrencyRates();
  const defaults = { unknownModel: 'estimate', rates, currency: 'USD' } as const;
  if (value === undefined || value === null) return { ...defaults, prices: [] };
  if (isArray(value)) {
    // The last one of a model counts, as in the published module.
    const byId = new Map(readPrices(value, 'customPricing', rates).map(one => [one.model.id, one]));
    return { ...defaults, prices: [...byId.values()] };
  }
  const source = object(value, 'options');
  onlyNames(source, 'options', KNOWN);
  const [given, policy, currencyRates, currency] = [
    'prices',
    'unknownModel',
    'currencyRates',
    'currency',
  ].map(name => own(source, name, 'options'));
  if (currencyRates !== undefined) rates.setAll(currencyRates, 'options.currencyRates');
  if (currency !== undefined) rates.nano(currency, 'options.currency');
  return {
    prices: given === undefined ? [] : histories(readPrices(given, 'options.prices', rates)),
    unknownModel: policy === undefined ? 'estimate' : oneOf(policy, 'options.unknownModel', POLICIES),
    rates,
    currency: (currency as Currency | undefined) ?? 'USD',
  };
}

/** Several prices of one model are its history: each holds from its day on. A single one always did. */
function histories(prices: readonly CheckedPricing[]): CheckedPricing[] {
  const byId = new Map<string, CheckedPricing[]>();
  for (const one of prices) {
    const others = byId.get(one.model.id) ?? [];
    others.push(one);
    byId.set(one.model.id, others);
  }
  return [...byId.values()].map(history => {
    history.sort((a, b) => (a.effectiveMs ?? 0) - (b.effectiveMs ?? 0));
    const latest = history.at(-1) as CheckedPricing;
    if (history.length === 1) return latest;
    const wrong = history.find(one => one.model.currency !== latest.model.currency);
    if (wrong !== undefined) {
      throw new TokenBudgetError(
        'INVALID_CONFIG',
        `options.prices: expected one currency for all prices of ${JSON.stringify(latest.model.id)}`,
        { field: 'options.prices' },
      );
    }
    const all = history.flatMap(({ model, effectiveMs }) =>
      model.prices.map(price => ({ ...price, fromMs: effectiveMs ?? 0 })),
    );
    return { ...latest, model: { ...latest.model, prices: all } };
  });
}
