import type { SignalUnit } from '../providers';

/** Something that was used, at one instant. */
export interface UsedAmount {
  /** Milliseconds since the epoch. */
  atMs: number;
  amount: number;
}

export interface PacedLimit {
  unit: SignalUnit;
  /** At most so much in any `windowMs`. */
  limit: number;
  windowMs: number;
}

/** What one call takes on average. */
export interface AverageAmounts {
  inputTokens: number;
  outputTokens: number;
}

/** A rate is measured over at least this part of the window: two calls at once are no rate yet. */
const RATE_PARTS = 10;

/**
 * In how many milliseconds a rolling limit is used up, if all goes on at the rate of this window; `Infinity`
 * when it never is, 0 when it is now. What was used leaves the window again, and that counts: half the limit in
 * every window goes on for ever.
 *
 * `used`: what was used, in any order; what is outside the window is passed over. `atRate`: how much in a millisecond,
 * where it is known better than by the average of the window.
 *
 * @example
 * ```ts
 * // 30 of 60 in the first 20 seconds of a minute: 1.5 in a second, so 20 seconds are left.
 * timeToExhaustionMs([{ atMs: 0, amount: 30 }], 60, 20_000, 60_000); // 20_000
 * ```
 */
export function timeToExhaustionMs(
  used: readonly UsedAmount[],
  limit: number,
  nowMs: number,
  windowMs: number,
  atRate?: number,
): number {
  const inWindow = used
    .filter(({ atMs, amount }) => amount > 0 && atMs > nowMs - windowMs && atMs <= nowMs)
    .sort((a, b) => a.atMs - b.atMs);
  const total = inWindow.reduce((sum, { amount }) => sum + amount, 0);
  if (total >= limit) return 0;
  const [first] = inWindow;
  if (first === undefined) return Infinity;
  const perMs = atRate ?? total / Math.max(nowMs - first.atMs, windowMs / RATE_PARTS);
  if (perMs <= 0) return Infinity;

  // From one departure to the next what is in the window grows evenly.
  let gone = 0;
  for (const { atMs, amount } of inWindow) {
    const fullInMs = (limit - (total - gone)) / perMs;
    if (nowMs + fullInMs <= atMs + windowMs) return fullInMs;
    gone += amount;
  }
  // Nothing is left of now: from here on it grows until the window is full of the rate.
  const fullInMs = limit / perMs;
  return fullInMs <= windowMs ? fullInMs : Infinity;
}

/**
 * The pause between two calls, in milliseconds, that uses the scarcest limit evenly: 50 requests a minute
 * are one in 1,200 ms, and 8,000 output tokens a minute at 400 a call one in 3,000 ms. `Infinity` when a limit
 * lets no call through, 0 when none is concerned.
 */
export function recommendedPauseMs(limits: readonly PacedLimit[], average: AverageAmounts): number {
  const pauses = limits.map(({ unit, limit, windowMs }) => {
    const amount = amountOf(unit, average);
    return amount > 0 ? (windowMs * amount) / limit : 0;
  });
  return Math.max(0, ...pauses);
}

function amountOf(unit: SignalUnit, { inputTokens, outputTokens }: AverageAmounts): number {
  switch (unit) {
    case 'requests':
      return 1;
    case 'inputTokens':
      return inputTokens;
    case 'outputTokens':
      return outputTokens;
    case 'tokens':
      return inputTokens + outputTokens;
  }
}
