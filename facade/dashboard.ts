/** The entry `@wundr.io/token-budget/dashboard`. */
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { createDashboard } from './serve/dashboard';
export type * from './serve/types';
