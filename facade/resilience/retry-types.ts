/** What is handed to the function that is tried. */
export interface RetryContext {
  /** From 1 on. */
  attempt: number;
  /** Aborted when the caller aborts, and when the time of the attempt or of all of them is over. */
  signal: AbortSignal;
}

export interface RetryEvent {
  /** The attempt that failed, from 1 on. */
  attempt: number;
  /** How long is waited before the next one. */
  waitMs: number;
  /** What it has thrown; or absent, and `result` is what it returned. */
  error?: unknown;
  result?: unknown;
}

/**
 * How waits differ, so that those who failed together do not come back together. With d = `base · factor^(n - 1)`, at
 * most `cap`, before attempt n + 1: `full` waits 0 to d, `equal` d/2 to d, `none` d; `decorrelated` waits `base` to three
 * times the last wait, at most `cap`.
 */
export type RetryJitter = 'full' | 'equal' | 'decorrelated' | 'none';

/** In any ten seconds, of all calls of one policy: at most `ratio · calls + 10 · minPerSecond` retries. */
export interface RetryBudgetOptions {
  /** Retries per call, 0 to 1000. Default 0.1. */
  ratio?: number;
  /** For programs that call rarely, 0 to 1,000,000. Default 10. */
  minPerSecond?: number;
}

/** How often, when and what is tried again. Durations are milliseconds or text such as `'30s'`. */
export interface RetryOptions {
  /** Attempts in all, 1 to 1,000, or `Infinity`. Default 5. */
  maxAttempts?: number;
  /** Default `'1s'`. */
  base?: number | string;
  /** 1 to 100. Default 2: waits of 1, 2, 4, 8 seconds. */
  factor?: number;
  /** No wait of our own choosing is longer. At least `base`. Default `'30s'`, or `base` where that is longer. */
  cap?: number | string;
  /** Default `full`. */
  jitter?: RetryJitter;
  /**
   * A service that asks to wait (`Retry-After`, a reset) is not asked before that. When it asks for longer than this, it
   * is given up at once; `timers.fromRateLimit` waits for hours. Default `'5m'`.
   */
  maxRetryAfter?: number | string;
  /** Of one attempt, which then fails with a `TimeoutError`, even if the function ignores its signal. */
  timeout?: number | string;
  /** Of all attempts and waits together. A wait that would not end within it is not begun. */
  maxElapsed?: number | string;
  /** Ends attempts and waits at once, with its reason. */
  signal?: AbortSignal;
  /**
   * Which errors are worth another attempt. Default: connections that failed, time-outs, 408, 425, 429 and 5xx of any
   * client, refusals for limits, open circuit breakers; never aborts, and never refusals for quotas or money.
   */
  shouldRetry?: (error: unknown, attempt: number) => boolean | Promise<boolean>;
  /**
   * Which results are. Default: responses (something with `status` and `headers`) with 408, 425, 429 or 5xx, and those
   * that refuse for limits otherwise, such as GitHub's 403.
   */
  shouldRetryResult?: (result: unknown, attempt: number) => boolean | Promise<boolean>;
  /** Told before each wait. What it throws is ignored. */
  onRetry?: (event: RetryEvent) => void;
}

export interface RetryPolicyOptions extends Omit<RetryOptions, 'signal'> {
  /** Keeps a service that fails from being buried under retries. `false`: none. Default: with its defaults. */
  budget?: RetryBudgetOptions | false;
}
