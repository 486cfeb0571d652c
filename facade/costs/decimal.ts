/** Decimal numbers as exact integers. */
import { invalid } from '../validate';

const PLAIN = /^(\d+)(?:\.(\d+))?$/;
const SCIENTIFIC = /^(\d+)(?:\.(\d+))?e([+-]\d+)$/;

/**
 * `value * 10^digits`, rounded half up, from a number (as it is written in decimal) or a decimal string. What is more than
 * nothing never becomes nothing.
 */
export function scaled(value: unknown, at: string, digits: number, max: number): number {
  const expected = `a decimal number from 0 to ${max / 10 ** digits} with at most ${digits} decimals`;
  const text = typeof value === 'number' ? plain(String(value)) : value;
  const parts = typeof text === 'string' && text.length <= 400 ? PLAIN.exec(text) : null;
  if (parts === null) throw invalid(at, expected, value);
  const [, whole = '', fraction = ''] = parts;
  const kept = BigInt(whole + fraction.slice(0, digits).padEnd(digits, '0'));
  const amount = Number(kept) + (fraction.charCodeAt(digits) >= HALF ? 1 : 0);
  const isLost = amount === 0 && /[1-9]/.test(fraction);
  if (amount > max || isLost) throw invalid(at, expected, value);
  return amount;
}

/** The digit 5; of what is not there the code is NaN, which is not more. */
const HALF = '5'.charCodeAt(0);

/** Without an exponent: `1e-7` is `0.0000001`. */
function plain(text: string): string {
  const parts = SCIENTIFIC.exec(text);
  if (parts === null) return text;
  const [, whole = '', fraction = '', exponent = ''] = parts;
  const places = Number(exponent);
  if (places >= 0) return whole + fraction.padEnd(places, '0');
  const all = whole.padStart(1 - places, '0');
  return `${all.slice(0, places)}.${all.slice(places)}${fraction}`;
}

const MICRO = 1_000_000n;

/** Pico-units as decimal text with six decimals, rounded up. */
export function amountUp(pico: bigint): string {
  const micros = (pico + MICRO - 1n) / MICRO;
  return `${micros / MICRO}.${(micros % MICRO).toString().padStart(6, '0')}`;
}

/** Pico-units as the number next to it. */
export function numberOf(pico: bigint): number {
  return Number(pico) / 1e12;
}
