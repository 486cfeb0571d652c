import * as check from '../validate';
import { countAt, objectAt, onlyNames, refused, wordAt } from './check';
import type { Answered } from './pool-backend';

/** What a provider said of one quota. */
export interface RateLimitUpdate {
  /** Default: the lease's, or `core`. */
  resource?: string;
  limit?: number;
  remaining: number;
  /** When the quota is whole again: a Date, or seconds since the epoch as GitHub and GitLab send it. */
  reset: Date | number;
}

const NAMES: ReadonlySet<string> = new Set<keyof RateLimitUpdate>([
  'resource',
  'limit',
  'remaining',
  'reset',
]);

/** Whoever means milliseconds is told so: in seconds this is the year 5138. */
const SECONDS_MAX = 100_000_000_000;

/** A reset that is over says nothing: there is no reading then. */
export function readUpdate(
  value: unknown,
  nowMs: number,
): { resource: string | undefined; reading: Answered['reading'] } {
  const at = 'update';
  const update = objectAt(value, at);
  onlyNames(update, at, NAMES);
  const resource = check.own(update, 'resource', at);
  const limit = check.own(update, 'limit', at);
  const whole = limit === undefined ? {} : { limit: countAt(limit, 'update.limit') };
  const remaining = countAt(check.own(update, 'remaining', at), 'update.remaining');
  const resetInMs = readReset(check.own(update, 'reset', at)) - nowMs;
  return {
    resource: resource === undefined ? undefined : wordAt(resource, 'update.resource'),
    reading: resetInMs > 0 ? { ...whole, remaining, resetInMs: Math.ceil(resetInMs) } : undefined,
  };
}

/** Milliseconds since the epoch. */
function readReset(reset: unknown): number {
  if (typeof reset === 'object' && reset !== null) return check.instant(reset, 'update.reset');
  if (typeof reset === 'number' && reset >= 0 && reset < SECONDS_MAX) return reset * 1000;
  throw refused('update.reset', 'a Date, or seconds since the epoch', reset);
}
