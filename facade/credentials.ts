/** The entry `@wundr.io/token-budget/credentials`. */
export { type BackoffOptions, withBackoff } from './credentials/backoff';
export { BitbucketClient } from './credentials/clients/bitbucket';
export type { CallOptions, ClientCredential, ClientOptions } from './credentials/clients/client';
export { GitHubClient } from './credentials/clients/github';
export { GitLabClient } from './credentials/clients/gitlab';
export type { Repository } from './credentials/clients/repository';
export { AuthError, ProviderError, RateLimitError } from './credentials/errors';
export type { TokenFetchInit } from './credentials/fetch';
export type { TokenLease } from './credentials/lease';
export { formatRateLimits, type RateLimitInfo, type TokenRateLimit } from './credentials/limits';
export { type ResourceOptions, TokenManager } from './credentials/manager';
export type { TokenInput, TokenManagerOptions } from './credentials/options';
export type { CredentialHeader } from './credentials/profiles';
export type { RotationContext, RotationOptions } from './credentials/rotation';
export type { RateLimitUpdate } from './credentials/update';
export type { TokenReference, TokenResource, TokenView } from './credentials/views';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
