/** The entry `@wundr.io/token-budget`. */
export * from './alerts';
export * from './budget';
export * from './credentials';
export * from './dashboard';
// Alerts have others of these names, which are AlertRateLimitConfig and AlertUsage here.
export type { RateLimitConfig } from './rate-limit';
export * from './rate-limit';
export * from './telemetry';
export * from './timers';
export type { UsageStats } from './types';
