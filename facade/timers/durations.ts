/** Durations and instants as callers give them. */
import { types } from 'node:util';
import { TokenBudgetError } from '../errors';
import { parseDuration } from '../native';
import { describe } from '../text';
import { instant, invalid, MAX_DURATION_MS, MAX_INSTANT_MS } from '../validate';

const DURATION = `milliseconds from 0 to ${MAX_DURATION_MS}, or text such as '30s' or '1h30m'`;

/** Milliseconds, rounded up: what is timed by it is never early. */
export function durationAt(value: unknown, at: string, minMs = 0): number {
  const ms = typeof value === 'string' ? textDuration(value, at) : value;
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= MAX_DURATION_MS)) throw invalid(at, DURATION, value);
  const whole = Math.ceil(ms) + 0;
  if (whole < minMs) throw invalid(at, `at least ${minMs} ms`, value);
  return whole;
}

function textDuration(text: string, at: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenBudgetError('INVALID_ARGUMENT', `${at}: ${reason}`, { field: at, cause });
  }
}

/** In milliseconds this is March 1973, in seconds the year 5138: which of them was meant is beyond doubt. */
const SECONDS_MAX = 100_000_000_000;
/** With a zone: without one it would mean something else on each host. */
const ISO = /^([+-]?\d{4,6})-(\d{2})-(\d{2})[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})$/;

/** A day that its month does not have is none: `Date.parse` would take it for one of the next month. */
function isIso(text: string): boolean {
  const [, year, month, day] = ISO.exec(text) ?? [];
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}

/** Milliseconds since the epoch, rounded up. */
export function instantAt(value: unknown, at: string): number {
  if (types.isDate(value)) return instant(value, at);
  if (typeof value === 'string') {
    const ms = isIso(value) ? Math.ceil(Date.parse(value.replace(',', '.'))) : Number.NaN;
    if (ms >= 0 && ms <= MAX_INSTANT_MS) return ms;
    throw invalid(at, `ISO 8601 text from 1970 on, with its zone, such as '2026-12-24T18:00:00Z'`, value);
  }
  if (typeof value === 'number' && value > 0 && value < SECONDS_MAX) {
    const message = `${at}: expected milliseconds since the epoch, got ${describe(value)}, which is seconds`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
  }
  if (typeof value === 'number' && value >= 0 && value <= MAX_INSTANT_MS) return Math.ceil(value) + 0;
  throw invalid(at, 'a Date, milliseconds since the epoch, or ISO 8601 text', value);
}
