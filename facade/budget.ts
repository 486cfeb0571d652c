/** The entry `@wundr.io/token-budget/budget`. */
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { UsageReporter } from './reports/reporter';
export { UsageReporterConfigSchema } from './reports/schema';
export { TokenBudgetTracker } from './tracker';
export type * from './types';
