import { TokenBudgetError } from '../errors';
import { decimal } from '../money';

/** Amounts of money in pico-units: 10^12 are one unit of the currency. */
const PICO_DIGITS = 12;
const PICO = 10n ** BigInt(PICO_DIGITS);

/** Exact decimal text: `10500000000n` is `0.0105`. */
export function picoText(pico: bigint): string {
  const digits = (pico % PICO).toString().padStart(PICO_DIGITS, '0').replace(/0+$/, '');
  return digits === '' ? String(pico / PICO) : `${pico / PICO}.${digits}`;
}

/** As a number of units, rounded once. */
export function picoUnits(pico: bigint): number {
  return Number(picoText(pico));
}

/** The nearest amount. Where there were floats from the beginning, more digits than these mean nothing. */
export function picoOf(units: number): bigint {
  if (!Number.isFinite(units)) return 0n;
  const whole = Math.trunc(units);
  return BigInt(whole) * PICO + BigInt(Math.round((units - whole) * Number(PICO)));
}

/** In another currency, of which one unit is worth `rate`: taken as the decimal number that it is written as; half up. */
export function convertPico(pico: bigint, rate: number): bigint {
  const exact = decimal(rate);
  if (exact === undefined) {
    throw new TokenBudgetError('INVALID_ARGUMENT', `calculator: expected a rate from 0 on, got ${rate}`, {
      field: 'calculator',
    });
  }
  const under = 10n ** exact.places;
  return (pico * exact.digits * 2n + under) / (under * 2n);
}
