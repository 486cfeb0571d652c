import * as check from '../validate';
import { booleanAt, integerAt, numberAt, objectAt, onlyNames, refused, signalAt } from './check';
import { RateLimitError } from './errors';
import { wait } from './wait';

export interface BackoffOptions {
  /** How often `fn` is called at most. Default 5. */
  maxRetries?: number;
  /** Default 2: waits of 1, 2, 4, 8 seconds. */
  base?: number;
  /** No wait is longer. Default 60. */
  capSeconds?: number;
  /** Whether up to a second is added, so that those who were refused together do not come back together. Default `true`. */
  jitter?: boolean;
  signal?: AbortSignal;
  /** What is worth another try. Default: a `RateLimitError`. */
  retryIf?: (error: unknown) => boolean;
  /** Waits. Default: a timer, however long. */
  sleep?: (durationMs: number, signal?: AbortSignal) => Promise<void>;
  /** From 0, below 1. Default `Math.random`. */
  random?: () => number;
  /** Milliseconds since the epoch, to compare `resetAt` with. Default `Date.now`. */
  now?: () => number;
}

/**
 * Calls `fn` again while it is limited, after `min(base ** attempt + random, capSeconds)` seconds; the last error
 * is thrown as it is. When the error tells a later reset (`RateLimitError.resetAt`), the wait lasts until then, but
 * never longer than the cap: a wrong reset keeps nobody for hours. For waits of any length there is
 * `waitForReset`.
 *
 * @example
 * ```ts
 * const repos = await withBackoff(() => client.fetchRepositories('octocat'), { maxRetries: 5 });
 * ```
 */
export async function withBackoff<T>(
  fn: (attempt: number) => Promise<T> | T,
  options: BackoffOptions = {},
): Promise<T> {
  if (typeof fn !== 'function') throw refused('fn', 'a function', fn);
  const { maxRetries, signal, retryIf, sleep, waitSeconds } = read(options);
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      if (attempt >= maxRetries - 1 || !retryIf(error)) throw error;
      await sleep(waitSeconds(attempt, error) * 1000, signal);
    }
  }
}

const ATTEMPTS_MAX = 1000;
/** A day. */
const CAP_MAX_SECONDS = 86_400;

const NAMES: ReadonlySet<string> = new Set<keyof BackoffOptions>([
  'maxRetries',
  'base',
  'capSeconds',
  'jitter',
  'signal',
  'retryIf',
  'sleep',
  'random',
  'now',
]);

function read(options: unknown) {
  const given = objectAt(options, 'options');
  onlyNames(given, 'options', NAMES);
  const optional = <T>(key: string, fallback: T, reader: (value: unknown, at: string) => T): T => {
    const value = check.own(given, key, 'options');
    return value === undefined ? fallback : reader(value, `options.${key}`);
  };
  const callable = <T>(value: unknown, at: string): T => {
    if (typeof value !== 'function') throw refused(at, 'a function', value);
    return value as T;
  };
  const base = optional('base', 2, (value, at) => numberAt(value, at, 1, 1000));
  const capSeconds = optional('capSeconds', 60, (value, at) => numberAt(value, at, 0, CAP_MAX_SECONDS));
  const jitter = optional('jitter', true, booleanAt);
  const random = optional<() => number>('random', Math.random, callable);
  const now = optional<() => number>('now', Date.now, callable);
  return {
    maxRetries: optional('maxRetries', 5, (value, at) => integerAt(value, at, 1, ATTEMPTS_MAX)),
    signal: signalAt(given),
    retryIf: optional<(error: unknown) => boolean>('retryIf', isLimit, callable),
    sleep: optional<NonNullable<BackoffOptions['sleep']>>('sleep', wait, callable),
    waitSeconds(attempt: number, error: unknown): number {
      const resetAtMs = error instanceof RateLimitError ? error.resetAtMs : 0;
      const untilReset = resetAtMs > 0 ? (resetAtMs - now()) / 1000 : 0;
      return Math.min(Math.max(base ** attempt, untilReset) + (jitter ? random() : 0), capSeconds);
    },
  };
}

function isLimit(error: unknown): boolean {
  return error instanceof RateLimitError;
}
