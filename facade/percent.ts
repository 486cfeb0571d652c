/** `(used + reserved) / limit * 100`, in this order; 0 when unlimited, 100 when the limit is 0. */
export function percentUsed(used: number, reserved: number, limit: number): number {
  if (limit === Infinity) return 0;
  return limit === 0 ? 100 : ((used + reserved) / limit) * 100;
}

/** A fraction as a percentage without the noise of binary fractions: 0.29 is 29, 0.125 is 12.5. */
export function percentOf(fraction: number): number {
  return Number((fraction * 100).toPrecision(12));
}
