/** The entry `@wundr.io/token-budget/budget`. */

export { attachBudget } from './attach-budget';
export type * from './attach-budget/types';
export { CostCalculator, getCostCalculator } from './costs/calculator';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { TokenBudgetTracker } from './tracker';
export type * from './types';
