/** `(used + reserved) / limit * 100`, in this order; 0 when unlimited, 100 when the limit is 0. */
export function percentUsed(used: number, reserved: number, limit: number): number {
  if (limit === Infinity) return 0;
  return limit === 0 ? 100 : ((used + reserved) / limit) * 100;
}

/** A fraction as a percentage without the noise of binary fractions: 0.29 is 29, 0.125 is 12.5. */
export function percentOf(fraction: number): number {
  return Number((fraction * 100).toPrecision(12));
}

/** Whether so much of a limit is used; without the noise of binary fractions, by which 0.07 of 100 would be more than 7. */
export function reaches(used: number, limit: number, fraction: number): boolean {
  return used * 100 >= percentOf(fraction) * limit;
}
