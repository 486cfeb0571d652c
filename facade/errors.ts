import { shortened } from './text';

/**
 * What went wrong, for programs. Stable: a code is never renamed.
 *
 * | code | meaning |
 * |---|---|
 * | `INVALID_CONFIG` | the constructor was given something it cannot work with; `field` names it |
 * | `INVALID_ARGUMENT` | a method was; `field` names it, and nothing was written |
 * | `RESERVATION_NOT_FOUND` | unknown, already ended, or expired longer ago than `lateSettleTTL` |
 * | `OVERRIDES_DISABLED` | `enableOverrides` is `false` |
 * | `REQUEST_CONFLICT` | the `requestId` was seen before with other numbers; the id belongs to another timer; the circuit breaker was made with other options |
 * | `STORE_UNAVAILABLE` | not connected, the server refused, or too much is waiting (`maxPending`) |
 * | `TIMEOUT` | connected, and no answer within `commandTimeout` |
 * | `CLOSED` | the tracker, the limiter, the manager or the coordinator was closed |
 * | `NEVER_FITS` | the request is larger than a limit: it could wait for ever |
 * | `RATE_LIMITED` | it could not be made within `maxWaitMs`; or all tokens have exceeded their limits |
 * | `LINE_FULL` | `maxWaiting` requests wait already |
 * | `PERMIT_NOT_FOUND` | the permit has ended before |
 * | `TIMER_NOT_FOUND` | there is no such timer, or none that can be changed |
 * | `TIMER_CANCELLED` | the timer that was waited for was cancelled |
 * | `ALERT_NOT_FOUND` | there is no such alert, or it was forgotten |
 * | `ALERT_ACKNOWLEDGED` | somebody has acknowledged the alert before |
 * | `RETRIES_EXHAUSTED` | as many attempts were made as were allowed |
 * | `CIRCUIT_OPEN` | the call was not made: the circuit breaker of its service is open |
 */
export type TokenBudgetErrorCode =
  | 'INVALID_CONFIG'
  | 'INVALID_ARGUMENT'
  | 'RESERVATION_NOT_FOUND'
  | 'OVERRIDES_DISABLED'
  | 'REQUEST_CONFLICT'
  | 'STORE_UNAVAILABLE'
  | 'TIMEOUT'
  | 'CLOSED'
  | 'NEVER_FITS'
  | 'RATE_LIMITED'
  | 'LINE_FULL'
  | 'PERMIT_NOT_FOUND'
  | 'TIMER_NOT_FOUND'
  | 'TIMER_CANCELLED'
  | 'ALERT_NOT_FOUND'
  | 'ALERT_ACKNOWLEDGED'
  | 'RETRIES_EXHAUSTED'
  | 'CIRCUIT_OPEN';

/**
 * Every failure of this package. A denied budget is none: it is a result.
 *
 * @example
 * ```ts
 * try {
 *   await tracker.releaseReservation(id, 1200);
 * } catch (error) {
 *   if (error instanceof TokenBudgetError && error.code === 'RESERVATION_NOT_FOUND') return;
 *   throw error;
 * }
 * ```
 */
export class TokenBudgetError extends Error {
  override readonly name: string = 'TokenBudgetError';
  readonly code: TokenBudgetErrorCode;
  /** Path of the refused field, such as `usage.promptTokens` or `redis.port`. */
  readonly field: string | undefined;

  constructor(
    code: TokenBudgetErrorCode,
    message: string,
    details: { field?: string; cause?: unknown } = {},
  ) {
    super(message, Object.hasOwn(details, 'cause') ? { cause: details.cause } : undefined);
    this.code = code;
    this.field = Object.hasOwn(details, 'field') ? details.field : undefined;
  }
}

export function closedError(what = 'tracker'): TokenBudgetError {
  return new TokenBudgetError('CLOSED', `The ${what} is closed`);
}

export function reservationNotFound(reservationId: string): TokenBudgetError {
  return new TokenBudgetError('RESERVATION_NOT_FOUND', `Reservation not found: ${shortened(reservationId)}`);
}

/** Whether the store is why something failed. */
export function isStoreDown(error: unknown): boolean {
  return (
    error instanceof TokenBudgetError && (error.code === 'STORE_UNAVAILABLE' || error.code === 'TIMEOUT')
  );
}

/** Anything caught, as one of ours: nothing foreign reaches the caller. */
export function asTokenBudgetError(error: unknown): TokenBudgetError {
  if (error instanceof TokenBudgetError) return error;
  return new TokenBudgetError('STORE_UNAVAILABLE', `The store failed: ${messageOf(error)}`, {
    cause: error,
  });
}

function messageOf(error: unknown): string {
  try {
    const message = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return 'unknown reason';
  }
}
