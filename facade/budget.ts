/** The entry `@wundr.io/token-budget/budget`. */
export { CostCalculator, getCostCalculator } from './costs/calculator';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { TokenBudgetTracker } from './tracker';
export type * from './types';
