/** From what a retry is given to what it works with: checks and defaults. */
import { checkedSignal } from '../abort';
import { durationAt } from '../timers/durations';
import * as check from '../validate';
import { RetryBudget } from './retry-budget';
import type { RetryJitter, RetryOptions, RetryPolicyOptions } from './retry-types';
import { isPassingError, isPassingResult } from './retry-verdict';

export interface RetrySettings {
  maxAttempts: number;
  baseMs: number;
  factor: number;
  capMs: number;
  jitter: RetryJitter;
  maxRetryAfterMs: number;
  /** `Infinity`: none. */
  timeoutMs: number;
  /** `Infinity`: none. */
  maxElapsedMs: number;
  shouldRetry: NonNullable<RetryOptions['shouldRetry']>;
  shouldRetryResult: NonNullable<RetryOptions['shouldRetryResult']>;
  onRetry: RetryOptions['onRetry'];
  budget: RetryBudget | undefined;
}

const ATTEMPTS_MAX = 1000;
const JITTERS = ['full', 'equal', 'decorrelated', 'none'] as const;

const POLICY_NAMES = [
  ...(['maxAttempts', 'base', 'factor', 'cap', 'jitter', 'maxRetryAfter', 'timeout'] as const),
  ...(['maxElapsed', 'shouldRetry', 'shouldRetryResult', 'onRetry'] as const),
];
const ONCE: ReadonlySet<string> = new Set<keyof RetryOptions>([...POLICY_NAMES, 'signal']);
const POLICY: ReadonlySet<string> = new Set<keyof RetryPolicyOptions>([...POLICY_NAMES, 'budget']);
const BUDGET: ReadonlySet<string> = new Set(['ratio', 'minPerSecond']);

/** Of `retry`. Throws `INVALID_ARGUMENT`, naming the field. */
export function readRetryOptions(value: unknown): {
  settings: RetrySettings;
  signal: AbortSignal | undefined;
} {
  const options = check.object(value, 'options');
  check.onlyNames(options, 'options', ONCE);
  const signal = check.own(options, 'signal', 'options');
  return {
    settings: { ...read(options), budget: undefined },
    signal: signal === undefined ? undefined : checkedSignal(signal),
  };
}

/** Of `retryPolicy`. Throws `INVALID_ARGUMENT`, naming the field. */
export function readPolicyOptions(value: unknown): RetrySettings {
  const options = check.object(value, 'options');
  check.onlyNames(options, 'options', POLICY);
  const budget = check.own(options, 'budget', 'options');
  return { ...read(options), budget: budget === false ? undefined : readBudget(budget ?? {}) };
}

function read(options: object): Omit<RetrySettings, 'budget'> {
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = check.own(options, key, 'options');
    return value === undefined ? fallback : reader(value, `options.${key}`);
  };
  const duration = (key: string, fallback: number, minMs = 0) =>
    optional(key, fallback, (value, at) => durationAt(value, at, minMs));
  const baseMs = duration('base', 1000);
  const capMs = duration('cap', Math.max(30_000, baseMs));
  if (capMs < baseMs) throw check.invalid('options.cap', `at least the base, ${baseMs}`, capMs);
  return {
    maxAttempts: optional('maxAttempts', 5, attemptsAt),
    baseMs,
    factor: optional('factor', 2, (value, at) => numberAt(value, at, 1, 100)),
    capMs,
    jitter: optional<RetryJitter>('jitter', 'full', (value, at) => check.oneOf(value, at, JITTERS)),
    maxRetryAfterMs: duration('maxRetryAfter', 300_000),
    timeoutMs: duration('timeout', Infinity, 1),
    maxElapsedMs: duration('maxElapsed', Infinity, 1),
    shouldRetry: optional<RetrySettings['shouldRetry']>('shouldRetry', isPassingError, functionAt),
    shouldRetryResult: optional<RetrySettings['shouldRetryResult']>(
      'shouldRetryResult',
      isPassingResult,
      functionAt,
    ),
    onRetry: optional<RetrySettings['onRetry']>('onRetry', undefined, functionAt),
  };
}

function readBudget(value: unknown): RetryBudget {
  const at = 'options.budget';
  const source = check.object(value, at);
  check.onlyNames(source, at, BUDGET);
  const ratio = check.own(source, 'ratio', at);
  const minPerSecond = check.own(source, 'minPerSecond', at);
  return new RetryBudget(
    ratio === undefined ? 0.1 : numberAt(ratio, `${at}.ratio`, 0, 1000),
    minPerSecond === undefined ? 10 : numberAt(minPerSecond, `${at}.minPerSecond`, 0, 1_000_000),
  );
}

function attemptsAt(value: unknown, at: string): number {
  return value === Infinity ? Infinity : check.integer(value, at, 1, ATTEMPTS_MAX);
}

function numberAt(value: unknown, at: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw check.invalid(at, `a number from ${min} to ${max}`, value);
}

export function functionAt<T>(value: unknown, at: string): T {
  if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
  return value as T;
}
