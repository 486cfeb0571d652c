/** Calls what fails again. */
import { checkedSignal, isAborted, reasonOf } from '../abort';
import { wait } from '../credentials/wait';
import { TokenBudgetError } from '../errors';
import * as check from '../validate';
import { attemptOnce, TimeIsOver } from './retry-attempt';
import { functionAt, type RetrySettings, readPolicyOptions, readRetryOptions } from './retry-options';
import type { RetryContext, RetryOptions, RetryPolicyOptions } from './retry-types';
import { askedWaitMs, type RetryOutcome } from './retry-verdict';
import { Waits } from './retry-waits';

type Tried<T> = (context: RetryContext) => T | PromiseLike<T>;

/**
 * Calls `fn` until it succeeds, with growing waits. What is returned or thrown at last comes through as it is: also a
 * response that tells of a failure. Waits for what the service asks for, when it does. A wait keeps the process alive.
 *
 * Rejects with the reason of `signal` as soon as it is aborted, and with a `TimeoutError` when `maxElapsed` is over
 * during an attempt; its `cause` is then what the attempt before had thrown. Throws `INVALID_ARGUMENT`, naming the field.
 *
 * @example
 * ```ts
 * const response = await retry(({ signal }) => fetch(url, { signal }), { maxAttempts: 4, timeout: '10s' });
 * ```
 */
export async function retry<T>(fn: Tried<T>, options: RetryOptions = {}): Promise<T> {
  const { settings, signal } = readRetryOptions(options);
  return await run(functionAt<Tried<T>>(fn, 'fn'), settings, signal);
}

/** Retries of many calls to one service: they share a budget. Made by {@link retryPolicy}. */
export class RetryPolicy {
  readonly #settings: RetrySettings;

  constructor(options: RetryPolicyOptions = {}) {
    this.#settings = readPolicyOptions(options);
  }

  /**
   * As {@link retry}. When the budget is spent, what was thrown becomes the `cause` of an error with the code
   * `RETRIES_EXHAUSTED`, at once; a response is returned.
   */
  async execute<T>(fn: Tried<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    const tried = functionAt<Tried<T>>(fn, 'fn');
    const given = check.object(options, 'options');
    check.onlyNames(given, 'options', SIGNAL);
    const signal = check.own(given, 'signal', 'options');
    return await run(tried, this.#settings, signal === undefined ? undefined : checkedSignal(signal));
  }
}

const SIGNAL: ReadonlySet<string> = new Set(['signal']);

/**
 * Retries for all calls to one service. Make it once, not per call: the budget is its.
 *
 * @example
 * ```ts
 * const toGitHub = retryPolicy({ maxAttempts: 4, cap: '20s', budget: { ratio: 0.2 } });
 * const response = await toGitHub.execute(({ signal }) => fetch(url, { signal }), { signal: request.signal });
 * ```
 */
export function retryPolicy(options: RetryPolicyOptions = {}): RetryPolicy {
  return new RetryPolicy(options);
}

async function run<T>(fn: Tried<T>, settings: RetrySettings, signal: AbortSignal | undefined): Promise<T> {
  const { timeoutMs, maxElapsedMs, budget } = settings;
  if (isAborted(signal)) throw reasonOf(signal);
  const beganMs = performance.now();
  budget?.call(beganMs);
  const waits = new Waits(settings, Math.random);
  let last: RetryOutcome | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = maxElapsedMs - (performance.now() - beganMs);
    let outcome: RetryOutcome<T>;
    try {
      outcome = { result: await attemptOnce(fn, attempt, { timeoutMs, leftMs, signal }) };
    } catch (error) {
      outcome = { error };
    }
    if (isAborted(signal)) return ended(outcome, reasonOf(signal));
    if ('error' in outcome && outcome.error instanceof TimeIsOver) throw causedBy(outcome.error, last);
    if (attempt >= settings.maxAttempts || !(await isWorthIt(outcome, attempt, settings)))
      return over(outcome);
    if (isAborted(signal)) throw reasonOf(signal);

    const waitMs = nextWaitMs(outcome, attempt, waits, settings, beganMs);
    if (waitMs === undefined) return over(outcome);
    if (budget?.retry(performance.now()) === false) return spent(outcome);
    last = outcome;
    tell(settings, attempt, waitMs, outcome);
    discard(outcome);
    await wait(waitMs, signal);
  }
}

function isWorthIt(
  outcome: RetryOutcome,
  attempt: number,
  { shouldRetry, shouldRetryResult }: RetrySettings,
): boolean | Promise<boolean> {
  return 'error' in outcome
    ? shouldRetry(outcome.error, attempt)
    : shouldRetryResult(outcome.result, attempt);
}

/** `undefined`: the time does not allow it. */
function nextWaitMs(
  outcome: RetryOutcome,
  attempt: number,
  waits: Waits,
  { maxRetryAfterMs, maxElapsedMs }: RetrySettings,
  beganMs: number,
): number | undefined {
  const askedMs = askedWaitMs(outcome, Date.now());
  if (askedMs > maxRetryAfterMs) return undefined;
  const waitMs = waits.next(attempt, askedMs);
  return performance.now() - beganMs + waitMs >= maxElapsedMs ? undefined : waitMs;
}

function over<T>(outcome: RetryOutcome<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}

/** A success that was aborted meanwhile is a success. */
function ended<T>(outcome: RetryOutcome<T>, reason: unknown): T {
  if ('error' in outcome) throw reason;
  return outcome.result;
}

function spent<T>(outcome: RetryOutcome<T>): T {
  if ('result' in outcome) return outcome.result;
  throw new TokenBudgetError(
    'RETRIES_EXHAUSTED',
    'The call failed, and no retry is left in the budget of its policy',
    {
      cause: outcome.error,
    },
  );
}

/** An error of a platform's class may have no room for a cause. */
function causedBy(error: DOMException, last: RetryOutcome | undefined): DOMException {
  if (last !== undefined && 'error' in last) {
    Object.defineProperty(error, 'cause', { value: last.error, configurable: true, writable: true });
  }
  return error;
}

function tell({ onRetry }: RetrySettings, attempt: number, waitMs: number, outcome: RetryOutcome): void {
  if (onRetry === undefined) return;
  try {
    const told: unknown = onRetry({ attempt, waitMs, ...outcome });
    if (told instanceof Promise) told.catch(() => {});
  } catch {
    // Whoever listens must not change what happens.
  }
}

/** The body of a response that nobody reads keeps its connection. */
function discard(outcome: RetryOutcome): void {
  if (!('result' in outcome)) return;
  try {
    const { body, bodyUsed } = outcome.result as {
      body?: { cancel?: () => Promise<void> };
      bodyUsed?: boolean;
    };
    if (bodyUsed === false && typeof body?.cancel === 'function') void body.cancel().catch(() => {});
  } catch {
    // It was no response.
  }
}
