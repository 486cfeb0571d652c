import type { Answer } from './answer';
import { readGoogleDetails } from './gemini';
import { impliedWait, readRetryAfter, untilWhole } from './retry-after';
import type { Provider, SignalHit, SignalReading } from './types';

/** Nothing left that waiting would bring back soon. */
const QUOTA_WORDS = [
  'insufficient_quota',
  'billing_error',
  'billing_hard_limit_reached',
  'billing_not_active',
  'credit_balance_exhausted',
  'quotaexceeded',
  'dailylimitexceeded',
];

const RATE_WORDS = [
  'rate_limit_error',
  'rate_limit_exceeded',
  'rate_limited',
  'ratelimitreached',
  'ratelimitexceeded',
  'userratelimitexceeded',
  'resource_exhausted',
  'toomanyrequests',
  'too_many_requests',
  '429',
];

/** How Anthropic words it where it has no type of its own for it. */
const UNPAID = /credit balance is too low|\bspend(ing)? limit|\bapi usage limits\b/i;

/** Whether the provider refused for its limits, and why. `readings`: what the same answer says is left. */
export function readHit(
  answer: Answer,
  provider: Provider,
  readings: readonly SignalReading[],
  baseMs: number,
): SignalHit | undefined {
  const { status, headers, body } = answer;
  const google = readGoogleDetails(body.details);
  const retryAfterMs = readRetryAfter(provider, headers, baseMs) ?? google.retryAfterMs;
  const isRateWorded = RATE_WORDS.some(word => body.words.has(word));

  if (status !== undefined && status < 400) {
    // GraphQL refuses with a status of success.
    return provider === 'github' && body.words.has('rate_limited')
      ? hit('rate', retryAfterMs ?? untilWhole(readings))
      : undefined;
  }
  if (status !== undefined && status >= 500) {
    const isOverloaded = body.words.has('overloaded_error') || (status === 529 && provider === 'anthropic');
    const isAsking = (status === 503 || status === 529) && retryAfterMs !== undefined;
    return isOverloaded || isAsking ? hit('rate', retryAfterMs) : undefined;
  }
  if (isUnpaid(answer) || google.isDaily) return hit('quota', retryAfterMs);
  if (provider === 'github' && isRefusal(status)) return githubHit(answer, readings, retryAfterMs);
  const isAsking = isRateWorded || retryAfterMs !== undefined || isUsedUp(answer, provider, readings);
  if (status === 429 || (isRefusal(status) && isAsking)) {
    return hit('rate', retryAfterMs ?? impliedWait(provider, headers, readings, baseMs));
  }
  return status === undefined && body.words.has('overloaded_error') ? hit('rate', retryAfterMs) : undefined;
}

/** A 403 by which somebody unknown refuses as GitHub does: nothing remains, and it is told until when. */
function isUsedUp(
  { status, headers }: Answer,
  provider: Provider,
  readings: readonly SignalReading[],
): boolean {
  const remaining = headers.get('x-ratelimit-remaining');
  return provider === 'generic' && status === 403 && remaining === '0' && untilWhole(readings) !== undefined;
}

/** Whether a hit would be the provider's own trouble. */
export function isOverload({ status, body }: Answer): boolean {
  return status === undefined ? body.words.has('overloaded_error') : status >= 500;
}

/** A status that can mean a limit, or none that is known. */
function isRefusal(status: number | undefined): boolean {
  return status === undefined || status === 403 || status === 429;
}

function isUnpaid({ status, body }: Answer): boolean {
  if (status === 402 || QUOTA_WORDS.some(word => body.words.has(word))) return true;
  return (status === 400 || status === 403) && UNPAID.test(body.message);
}

/**
 * GitHub refuses with 403 or 429. Nothing remaining: the primary limit, until its reset. Otherwise the
 * secondary one, if there is any sign of it; it names no time then, and whoever waits doubles its own.
 */
function githubHit(
  { status, headers, body }: Answer,
  readings: readonly SignalReading[],
  retryAfterMs: number | undefined,
): SignalHit | undefined {
  const resetMs = untilWhole(readings);
  const isSecondary = /secondary rate|abuse detection/i.test(body.message);
  if (status === 403 && retryAfterMs === undefined && isForbidden(body)) return undefined;
  const isSpent = headers.get('x-ratelimit-remaining') === '0' || body.words.has('rate_limited');
  // Headers alone: the last call that is served leaves nothing, too.
  const isRefused = status !== undefined || body.words.size > 0 || retryAfterMs !== undefined;
  if (isSpent && !isSecondary && isRefused) {
    return hit('rate', atLeast(retryAfterMs, resetMs));
  }
  if (isSecondary || retryAfterMs !== undefined) return hit('secondary', retryAfterMs ?? resetMs);
  if (/rate limit exceeded/i.test(body.message)) return hit('rate', resetMs);
  return status === 429 ? hit('secondary', undefined) : undefined;
}

const OF_LIMITS = /rate.?limit|abuse detection|too many requests/i;
const OF_PERMISSIONS =
  /resource not accessible|resource protected by|must have .*(rights|access)|access restrictions|repository access blocked/i;

/**
 * What the token may not do, and another may not either: the last request that was left may be such a one, and nothing
 * remains after it. A body of GitHub's own says where it is explained, which of limits is a page about limits.
 */
function isForbidden({ words, message, documentation }: Answer['body']): boolean {
  if (words.has('rate_limited') || OF_LIMITS.test(`${message} ${documentation ?? ''}`)) return false;
  return OF_PERMISSIONS.test(message) || (documentation !== undefined && message !== '');
}

function atLeast(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function hit(kind: SignalHit['kind'], retryAfterMs: number | undefined): SignalHit {
  return retryAfterMs === undefined ? { kind } : { kind, retryAfterMs };
}
