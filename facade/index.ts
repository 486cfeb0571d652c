/** The entry `@wundr.io/token-budget`. */
export * from './budget';
export * from './credentials';
