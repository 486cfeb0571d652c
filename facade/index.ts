/** The entry `@wundr.io/token-budget`. */
export * from './budget';
