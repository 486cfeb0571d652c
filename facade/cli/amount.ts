import { UsageError } from './exit';

const SHAPE = /^(\d[\d_]*)(?:\.(\d+))?([kKmMgG]?)$/;
const ZEROS: Record<string, number> = { '': 0, k: 3, m: 6, g: 9 };

/**
 * An amount of tokens as people write it: `5000000`, `5_000_000`, `200k`, `2.5M`, `1G`. The digits are
 * moved, not multiplied, so that the result is exact.
 */
export function readAmount(text: string, option: string): number {
  const [, whole = '', fraction = '', unit = ''] = SHAPE.exec(text.trim()) ?? [];
  const zeros = ZEROS[unit.toLowerCase()] ?? 0;
  const tokens = Number(whole.replaceAll('_', '') + fraction.padEnd(zeros, '0'));
  if (whole === '' || fraction.length > zeros || !Number.isSafeInteger(tokens)) {
    const wanted = 'a whole number of tokens up to 2^53 - 1, such as 5000000, 5_000_000 or 5M';
    throw new UsageError(`${option}: expected ${wanted}, got ${JSON.stringify(text)}`);
  }
  return tokens;
}

const MONEY = /^(\d+(?:\.\d+)?) ?([A-Za-z]{3})?$/;

/** An amount of money, which may leave its currency to others. */
export interface GivenMoney {
  amount: string;
  currency: string | null;
}

/** `25.00USD`, `0.50 EUR`, or `0.50` in the currency of the budgets. The text stays, so that it is exact. */
export function readMoney(text: string, option: string): GivenMoney {
  const [, amount, currency] = MONEY.exec(text.trim()) ?? [];
  if (amount === undefined) {
    const wanted = 'an amount of money such as 25.00 or 25.00USD';
    throw new UsageError(`${option}: expected ${wanted}, got ${JSON.stringify(text)}`);
  }
  return { amount, currency: currency?.toUpperCase() ?? null };
}

/** A whole number from `min` to `max`. */
export function readInteger(text: string, option: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(
      `${option}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}
