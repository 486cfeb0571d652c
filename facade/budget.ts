/** The entry `@wundr.io/token-budget/budget`. */

export { attachBudget } from './attach-budget';
export type * from './attach-budget/types';
export { CostCalculator, getCostCalculator } from './costs/calculator';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { PostgresUsageStorage, type PostgresUsageStorageOptions } from './reports/postgres/storage';
export { UsageReporter } from './reports/reporter';
export { UsageReporterConfigSchema } from './reports/schema';
export { TokenBudgetTracker } from './tracker';
export type * from './types';
