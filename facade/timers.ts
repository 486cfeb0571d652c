/** The entry `@wundr.io/token-budget/timers`. */
export { createTokenCoordinator, TokenCoordinator } from './coordinator/coordinator';
export type { CoordinatorOptions } from './coordinator/options';
export type { BudgetAlmostUsed, WatchBudgetsOptions } from './coordinator/watch-budgets';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export * from './resilience';
export type { BudgetResetOptions } from './timers/patterns/budget-reset';
export type { DailyResetOptions } from './timers/patterns/daily-reset';
export type { RateLimitTimerOptions } from './timers/patterns/from-rate-limit';
export type { OffPeakOptions, OffPeakOutcome, OffPeakWindow } from './timers/patterns/off-peak';
export type { PatternOptions } from './timers/patterns/pattern';
export type { RetryTimerOptions } from './timers/patterns/retry';
export { type TimerCallOptions, type TimerListOptions, TimerService } from './timers/service';
export type * from './timers/types';
export {
  type VerifiedWebhook,
  type VerifyWebhookOptions,
  verifyWebhook,
  type WebhookLookup,
  type WebhookOptions,
  type WebhookSecrets,
  WebhookVerificationError,
} from './timers/webhooks';
export type { RedisNode, RedisOptions, RedisTlsOptions, StoreOptions } from './types/config';
export type { StoreEvents } from './types/events';
