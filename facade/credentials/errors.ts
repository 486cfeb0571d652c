/** What a provider answered that is no result. None of them holds a token, nor a cause that could. */

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

  constructor(message: string, provider: string, status?: number) {
    super(message);
    this.provider = provider;
    this.status = status;
  }
}

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

  /** `resetAt`: a Date, or milliseconds since the epoch; 0, `null` or nothing when it is not known. */
  constructor(message: string, provider: string, resetAt?: Date | number | null) {
    super(message, provider);
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
