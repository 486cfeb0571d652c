export type * from './breaker-types';
export { CircuitBreaker } from './circuit-breaker';
export { CircuitOpenError } from './circuit-open-error';
