/** What a provider answered that is no result. None of them holds a token; a cause that did was replaced. */
import { TokenBudgetError } from '../errors';

/**
 * A provider answered with an error. `status` is that of the response, `undefined` when there was none.
 *
 * @example
 * ```ts
 * try {
 *   await client.fetchRepositories('octocat');
 * } catch (error) {
 *   if (error instanceof ProviderError && error.status === 404) return [];
 *   throw error;
 * }
 * ```
 */
export class ProviderError extends Error {
  override readonly name: string = 'ProviderError';
  readonly code: 'PROVIDER_ERROR' | 'RATE_LIMITED' | 'UNAUTHORIZED' = 'PROVIDER_ERROR';
  readonly provider: string;
  readonly status: number | undefined;

  /** `cause`: the error of a client that this one stands for. */
  constructor(message: string, provider: string, status?: number, options?: { cause?: unknown }) {
    super(message, options);
    this.provider = provider;
    this.status = status;
  }
}

/** In milliseconds this is March 1973, in seconds the year 5138: which of them was meant is beyond doubt. */
const SECONDS_MAX = 100_000_000_000;

/**
 * Every token is limited. Nothing was sent on a token that was known to be spent.
 *
 * @example
 * ```ts
 * try {
 *   await manager.withRotation('github', token => callGitHub(token));
 * } catch (error) {
 *   if (error instanceof RateLimitError) console.log(`again at ${error.resetAt?.toISOString()}`);
 *   else throw error;
 * }
 * ```
 */
export class RateLimitError extends ProviderError {
  override readonly name = 'RateLimitError';
  override readonly code = 'RATE_LIMITED';
  /** When the first token can be used again, by the store's clock; `null` when nobody knows. */
  readonly resetAt: Date | null;
  /** The same in milliseconds since the epoch; 0 when nobody knows. */
  readonly resetAtMs: number;

  /**
   * `resetAt`: a Date, or milliseconds since the epoch; 0, `null` or nothing when it is not known. Throws
   * `INVALID_ARGUMENT` at `resetAt` for a number that can only be seconds. `cause`: what was thrown last.
   */
  constructor(
    message: string,
    provider: string,
    resetAt?: Date | number | null,
    options?: { cause?: unknown },
  ) {
    super(message, provider, undefined, options);
    if (typeof resetAt === 'number' && resetAt > 0 && resetAt < SECONDS_MAX) {
      const text = `resetAt: expected a Date, or milliseconds since the epoch, got ${resetAt}, which is seconds`;
      throw new TokenBudgetError('INVALID_ARGUMENT', text, { field: 'resetAt' });
    }
    const atMs = Number(resetAt ?? 0);
    this.resetAtMs = atMs > 0 ? Math.min(atMs, 8.64e15) : 0;
    this.resetAt = this.resetAtMs > 0 ? new Date(this.resetAtMs) : null;
  }
}

/** The provider accepts none of the tokens (401). Waiting does not help. */
export class AuthError extends ProviderError {
  override readonly name = 'AuthError';
  override readonly code = 'UNAUTHORIZED';
  override readonly status = 401;
}
