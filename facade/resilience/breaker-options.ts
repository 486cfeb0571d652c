/** From what a circuit breaker is given to what it works with: checks and defaults. */
import type { BreakerPolicy } from '../backend/coordination';
import { asConfig, STORE_OPTIONS } from '../config/store';
import { durationAt } from '../timers/durations';
import type { StoreOptions } from '../types/config';
import * as check from '../validate';
import type { CircuitBreakerOptions, OnExpireInput } from './breaker-types';
import { type BreakerHost, breakerHostOf } from './host';
import { DEFAULT_VERDICT, type Verdict, verdictBy } from './verdict';

export interface BreakerSettings {
  service: string;
  policy: BreakerPolicy;
  /** Failures in a row, or the share of failures. */
  threshold: number;
  verdict: Verdict;
  onStateChange: CircuitBreakerOptions['onStateChange'];
  onExpire: OnExpireInput | undefined;
  host: BreakerHost | undefined;
  store: StoreOptions;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const THRESHOLD_MAX = 1_000_000;
const GROWTH_MAX = 1000;
const PPM = 1_000_000;

const NAMES: ReadonlySet<string> = new Set<keyof CircuitBreakerOptions>([
  ...STORE_OPTIONS,
  ...(['threshold', 'mode', 'resetAfter', 'maxResetAfter', 'growth', 'successesToClose'] as const),
  ...(['probeTimeout', 'isFailure', 'onStateChange', 'schedule', 'coordinator'] as const),
]);
const MODE_NAMES: ReadonlySet<string> = new Set(['sampling']);
const SAMPLING_NAMES: ReadonlySet<string> = new Set(['ratio', 'minimum', 'window']);
const SCHEDULE_NAMES: ReadonlySet<string> = new Set(['webhook', 'on_expire']);

/** Throws `INVALID_CONFIG`, naming the field. */
export function readOptions(service: unknown, options: unknown): BreakerSettings {
  return asConfig(() => read(serviceAt(service), check.object(options, 'options')));
}

function serviceAt(value: unknown): string {
  const service = check.text(value, 'service', check.ORCHESTRATOR_ID_MAX_BYTES, 'well-formed');
  if (service === '') throw check.invalid('service', 'a name that is not empty', service);
  return service;
}

function read(service: string, options: object): BreakerSettings {
  check.onlyNames(options, '', NAMES);
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = check.own(options, key, '');
    return value === undefined ? fallback : reader(value, key);
  };
  const duration = (key: string, fallback: number) =>
    optional(key, fallback, (value, at) => durationUpTo(value, at, YEAR_MS));
  const sampling = optional('mode', undefined, readMode);
  const threshold = optional('threshold', undefined, (value, at) =>
    check.integer(value, at, 1, THRESHOLD_MAX),
  );
  if (sampling !== undefined && threshold !== undefined) {
    throw check.invalid('threshold', 'nothing beside mode.sampling, whose ratio decides', threshold);
  }
  const resetAfterMs = duration('resetAfter', 300_000);
  const resetAfterMaxMs = duration('maxResetAfter', Math.max(HOUR_MS, resetAfterMs));
  if (resetAfterMaxMs < resetAfterMs) {
    throw check.invalid('maxResetAfter', `at least resetAfter, ${resetAfterMs} ms`, resetAfterMaxMs);
  }
  const inARow = threshold ?? 5;
  const host = optional('coordinator', undefined, readCoordinator);
  return {
    service,
    policy: {
      mode: sampling?.mode ?? { is: 'consecutive', with: { threshold: inARow } },
      resetAfterMs,
      resetAfterMaxMs,
      growthPermille: optional('growth', 1000, readGrowth),
      successesToClose: optional('successesToClose', 1, (value, at) => check.integer(value, at, 1, 1000)),
      probeTtlMs: duration('probeTimeout', 60_000),
    },
    threshold: sampling?.ratio ?? inARow,
    verdict: optional('isFailure', DEFAULT_VERDICT, (value, at) => verdictBy(functionAt(value, at))),
    onStateChange: optional('onStateChange', undefined, functionAt<CircuitBreakerOptions['onStateChange']>),
    onExpire: optional('schedule', undefined, (value, at) => readSchedule(value, at, host)),
    host,
    store: readStoreOptions(options, host),
  };
}

function durationUpTo(value: unknown, at: string, maxMs: number): number {
  const ms = durationAt(value, at, 1);
  if (ms > maxMs) throw check.invalid(at, `at most ${maxMs} ms`, value);
  return ms;
}

function functionAt<T>(value: unknown, at: string): T {
  if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
  return value as T;
}

function readGrowth(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 1 && value <= GROWTH_MAX) return Math.round(value * 1000);
  throw check.invalid(at, `a number from 1 to ${GROWTH_MAX}`, value);
}

function readMode(value: unknown, at: string): { mode: BreakerPolicy['mode']; ratio: number } | undefined {
  if (value === 'consecutive') return undefined;
  if (typeof value !== 'object' || value === null) {
    throw check.invalid(at, `'consecutive' or { sampling: { ratio, minimum, window } }`, value);
  }
  check.onlyNames(value, at, MODE_NAMES);
  const sampling = check.object(check.own(value, 'sampling', at), `${at}.sampling`);
  return readSampling(sampling, `${at}.sampling`);
}

function readSampling(source: object, at: string): { mode: BreakerPolicy['mode']; ratio: number } {
  check.onlyNames(source, at, SAMPLING_NAMES);
  const ratio = check.own(source, 'ratio', at);
  if (typeof ratio !== 'number' || !(ratio > 0 && ratio <= 1)) {
    throw check.invalid(`${at}.ratio`, 'a number above 0, at most 1', ratio);
  }
  const minimum = check.own(source, 'minimum', at);
  const window = check.own(source, 'window', at);
  const counts = {
    // Rounded up, so that no share is too small to be told from none.
    thresholdPpm: Math.ceil(ratio * PPM - 1e-6),
    minimum: minimum === undefined ? 10 : check.integer(minimum, `${at}.minimum`, 1, THRESHOLD_MAX),
    windowMs: window === undefined ? 60_000 : durationUpTo(window, `${at}.window`, DAY_MS),
  };
  return { mode: { is: 'sampling', with: counts }, ratio };
}

function readCoordinator(value: unknown, at: string): BreakerHost {
  const host = breakerHostOf(value);
  if (host === undefined) throw check.invalid(at, 'what createTokenCoordinator returned', value);
  if (host.isClosed) throw check.invalid(at, 'a coordinator that is not closed', value);
  return host;
}

function readSchedule(value: unknown, at: string, host: BreakerHost | undefined): OnExpireInput {
  const source = check.object(value, at);
  if (host === undefined) throw check.invalid(at, 'a coordinator beside it, whose timers it needs', value);
  check.onlyNames(source, at, SCHEDULE_NAMES);
  const webhook = check.own(source, 'webhook', at);
  const onExpire = check.own(source, 'on_expire', at);
  if ((webhook === undefined) === (onExpire === undefined)) {
    throw check.invalid(at, 'either webhook or on_expire', value);
  }
  if (onExpire !== undefined) {
    host.checkOnExpire(onExpire, `${at}.on_expire`);
    return { ...(onExpire as OnExpireInput) };
  }
  host.checkOnExpire({ webhook }, at);
  return { webhook: webhook as string };
}

/** A coordinator's store is its own: what else is said of one is a mistake. */
function readStoreOptions(options: object, host: BreakerHost | undefined): StoreOptions {
  const store: Record<string, unknown> = {};
  for (const key of STORE_OPTIONS) {
    const given = check.own(options, key, '');
    if (given === undefined) continue;
    if (host !== undefined) throw check.invalid(key, 'nothing beside coordinator, whose store it is', given);
    store[key] = given;
  }
  return store as StoreOptions;
}
