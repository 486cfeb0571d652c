/** The entry `@wundr.io/token-budget`. */
export * from './budget';
export * from './credentials';
export * from './rate-limit';
export * from './timers';
