/** The entry `@wundr.io/token-budget/rate-limit`. */
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { type Provider, type ProviderSignals, readSignals } from './providers';
export type { Batched, BatchOptions } from './rate-limit/batch';
export { ResponseCache, type ResponseCacheOptions, requestKey } from './rate-limit/cache';
export { RateLimitManager } from './rate-limit/manager';
export type { LimiterMetricsSnapshot, SecondsHistogram } from './rate-limit/metrics';
export { Permit } from './rate-limit/permit';
export type { PrometheusOptions } from './rate-limit/prometheus';
export { splitByTokens } from './rate-limit/split';
export { estimateTokens, type TokenEstimate } from './rate-limit/token-count';
export type * from './types/rate-limit';
