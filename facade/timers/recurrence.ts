/** When a timer is due again, and what is done about what was missed. */
import type { WireTimer } from '../backend/coordination';
import { TokenBudgetError } from '../errors';
import { toJson } from '../json';
import { nextOccurrence } from '../native';
import { MAX_INSTANT_MS } from '../validate';
import { members } from './document';
import type { CatchUp } from './types';

export type Recurrence = { catchUp: CatchUp } & (
  | { every: number; cron?: never }
  | { cron: string; timeZone: string; every?: never }
);

/** With `catchUp: 'none'` what is later than this is skipped. */
const LATE_MAX_MS = 60_000;
/** Missed occurrences are counted so far. */
const MISSED_MAX = 1000;

/** What to do about a timer that is due. */
export interface Plan {
  /** `null`: it has fired for the last time. */
  nextMs: number | null;
  missed: number;
  /** Nothing is told of this occurrence. */
  isSkipped: boolean;
}

export function recurrenceJson(recurrence: Recurrence | undefined): string {
  return recurrence === undefined ? '' : toJson({ ...recurrence });
}

/** `undefined`: it does not recur. */
export function readRecurrence(json: string): Recurrence | undefined {
  if (json === '') return undefined;
  const { every, cron, timeZone, catchUp: told } = members(json);
  const catchUp = told === 'all' || told === 'none' ? told : 'once';
  if (typeof every === 'number' && every >= 1) return { every, catchUp };
  if (typeof cron === 'string' && typeof timeZone === 'string') return { cron, timeZone, catchUp };
  return undefined;
}

/** The first instant of a cron pattern after another. Throws `INVALID_ARGUMENT`, naming the field. */
export function firstOfCron(cron: string, timeZone: string, afterMs: number, at: string): number {
  let next: number;
  try {
    next = nextOccurrence(toJson({ cron, timeZone }), afterMs);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const field = /^timeZone\b/.test(message) ? `${at}.timeZone` : `${at}.cron`;
    throw new TokenBudgetError('INVALID_ARGUMENT', `${field}: ${message.replace(/^(cron|timeZone): /, '')}`, {
      field,
      cause,
    });
  }
  if (next >= 0) return next;
  const message = `${at}.cron: expected a pattern that is due some time, got ${JSON.stringify(cron)}`;
  throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: `${at}.cron` });
}

/** Throws when a stored pattern cannot be read. */
export function planOf({ fireAtMs, recurrenceJson: json }: WireTimer, nowMs: number): Plan {
  const recurrence = readRecurrence(json);
  if (recurrence === undefined) return { nextMs: null, missed: 0, isSkipped: false };
  const following = nextOf(recurrence, fireAtMs, fireAtMs);
  if (recurrence.catchUp === 'all' || following === null || following > nowMs) {
    const isLate = recurrence.catchUp === 'none' && nowMs - fireAtMs > LATE_MAX_MS;
    return { nextMs: following, missed: 0, isSkipped: isLate };
  }
  const nextMs = nextOf(recurrence, fireAtMs, nowMs);
  if (recurrence.catchUp === 'none') return { nextMs, missed: 0, isSkipped: true };
  return { nextMs, missed: missedOf(recurrence, fireAtMs, nowMs), isSkipped: false };
}

/** The first occurrence after `afterMs` of what was due at `fireAtMs`; `null`: never again. */
function nextOf(recurrence: Recurrence, fireAtMs: number, afterMs: number): number | null {
  if (recurrence.every === undefined) {
    const next = nextOccurrence(
      toJson({ cron: recurrence.cron, timeZone: recurrence.timeZone }),
      Math.max(afterMs, fireAtMs),
    );
    return next >= 0 ? next : null;
  }
  const periods = Math.max(0, Math.floor((afterMs - fireAtMs) / recurrence.every)) + 1;
  const next = fireAtMs + periods * recurrence.every;
  return next <= MAX_INSTANT_MS ? next : null;
}

/** Occurrences after `fireAtMs`, up to now. */
function missedOf(recurrence: Recurrence, fireAtMs: number, nowMs: number): number {
  if (recurrence.every !== undefined) {
    return Math.min(MISSED_MAX, Math.floor((nowMs - fireAtMs) / recurrence.every));
  }
  let count = 0;
  for (let at: number | null = fireAtMs; count < MISSED_MAX; count += 1) {
    at = nextOf(recurrence, at, at);
    if (at === null || at > nowMs) break;
  }
  return count;
}
