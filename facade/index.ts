/** The entry `@wundr.io/token-budget`. */
export * from './budget';
export * from './credentials';
export * from './dashboard';
export * from './rate-limit';
export * from './telemetry';
export * from './timers';
