/** What is worth another attempt, and when the service wants it. */
import { RateLimitError } from '../credentials/errors';
import { TokenBudgetError, type TokenBudgetErrorCode } from '../errors';
import { readSignals } from '../providers';
import { isError, items, member, objectMember, textMember } from '../providers/members';
import { CircuitOpenError } from './circuit-open-error';

/** What came of an attempt: what was thrown, or what was returned. */
export type RetryOutcome<T = unknown> = { error: unknown } | { result: T };

/** Statuses that another attempt may change. 501 and 505 stay what they are. */
function isPassing(status: number): boolean {
  if (status === 408 || status === 425 || status === 429) return true;
  return status >= 500 && status !== 501 && status !== 505;
}

const OUR_PASSING: ReadonlySet<TokenBudgetErrorCode> = new Set([
  'STORE_UNAVAILABLE',
  'TIMEOUT',
  'RATE_LIMITED',
  'LINE_FULL',
] as const);

/** Codes of Node.js and undici for connections that were not made, or broke. */
const NETWORK: ReadonlySet<unknown> = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTFOUND'],
  ...[
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENETDOWN',
    'EHOSTDOWN',
    'EADDRNOTAVAIL',
    'ENETRESET',
    'ESOCKETTIMEDOUT',
  ],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET'],
  ...['ERR_HTTP2_STREAM_ERROR', 'ERR_HTTP2_SESSION_ERROR', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_NETWORK'],
]);

/** What `fetch` and clients say of broken connections without a code. */
const NETWORK_NAMES: ReadonlySet<unknown> = new Set(['APIConnectionError', 'APIConnectionTimeoutError']);
const FETCH_FAILED: ReadonlySet<unknown> = new Set([
  'fetch failed',
  'terminated',
  'network error',
  'other side closed',
]);

/** As deep as clients wrap what went wrong. */
const WRAPPERS_MAX = 5;

/** The default of `shouldRetryResult`. */
export function isPassingResult(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  const status = member(result, 'status');
  if (typeof status !== 'number' || objectMember(result, 'headers') === undefined || status < 400)
    return false;
  return isPassingAnswer(result, status);
}

function isPassingAnswer(source: unknown, status: number | undefined): boolean {
  const { hit } = readSignals(source);
  if (hit !== undefined) return hit.kind !== 'quota';
  return status !== undefined && isPassing(status);
}

/** The default of `shouldRetry`. */
export function isPassingError(error: unknown): boolean {
  const name = member(error, 'name');
  if (name === 'AbortError' || member(error, 'code') === 'ABORT_ERR') return false;
  if (error instanceof CircuitOpenError) return error.retryAt !== undefined;
  if (error instanceof TokenBudgetError) return OUR_PASSING.has(error.code);
  if (error instanceof RateLimitError) return true;
  if (name === 'TimeoutError') return true;
  const { hit, status } = readSignals(error);
  if (hit !== undefined || status !== undefined) return isPassingAnswer(error, status);
  return isNetworkError(error);
}

/**
 * Whether a connection failed. The innermost code decides: `fetch` throws `fetch failed` for a certificate that is
 * refused, too.
 */
function isNetworkError(error: unknown): boolean {
  let isFetch = false;
  let current: unknown = error;
  for (let depth = 0; depth < WRAPPERS_MAX && isError(current); depth += 1) {
    const code = member(current, 'code');
    if (NETWORK.has(code) || member(current, 'name') === 'TimeoutError') return true;
    if (member(current, 'name') === 'AbortError') return false;
    const isCoded = typeof code === 'string' && code !== '';
    if (isCoded && isFetch) return false;
    if (NETWORK_NAMES.has(member(current, 'name')) || isFailedFetch(current)) isFetch = true;
    // Several addresses fail together.
    const [first] = items(member(current, 'errors'), 1);
    current = first ?? objectMember(current, 'cause');
  }
  return isFetch;
}

function isFailedFetch(error: unknown): boolean {
  return member(error, 'name') === 'TypeError' && FETCH_FAILED.has(textMember(error, 'message'));
}

/** How long the service asks to wait; 0 when it does not say. */
export function askedWaitMs(outcome: RetryOutcome, nowMs: number): number {
  if ('result' in outcome) {
    if (typeof outcome.result !== 'object' || outcome.result === null) return 0;
    return readSignals(outcome.result).hit?.retryAfterMs ?? 0;
  }
  const { error } = outcome;
  if (error instanceof CircuitOpenError) return Math.max(0, (error.retryAt?.getTime() ?? 0) - nowMs);
  if (error instanceof RateLimitError && error.resetAtMs > 0) return Math.max(0, error.resetAtMs - nowMs);
  return readSignals(error).hit?.retryAfterMs ?? 0;
}
