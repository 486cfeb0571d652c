/** The entry `@wundr.io/token-budget/telemetry`. */
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
export { type InstrumentOptions, instrumentTracker } from './telemetry/instrument';
export type * from './telemetry/meter';
