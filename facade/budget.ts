/** The entry `@wundr.io/token-budget/budget`. */
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { TokenBudgetTracker } from './tracker';
export type * from './types';
