import { TokenBudgetError } from '../errors';

/**
 * The call was not made, for the service is failing.
 *
 * @example
 * ```ts
 * try {
 *   await breaker.execute(() => callOpenAI());
 * } catch (error) {
 *   if (error instanceof CircuitOpenError) return cachedAnswer(error.retryAt);
 *   throw error;
 * }
 * ```
 */
export class CircuitOpenError extends TokenBudgetError {
  override readonly name = 'CircuitOpenError';
  readonly service: string;
  /** When it is worth another try; `undefined`: not before the breaker is reset by hand. */
  readonly retryAt: Date | undefined;

  constructor(service: string, retryAt: Date | undefined) {
    const when = retryAt === undefined ? 'until it is reset' : `until ${retryAt.toISOString()}`;
    super('CIRCUIT_OPEN', `The circuit breaker of ${service} is open ${when}`);
    this.service = service;
    this.retryAt = retryAt;
  }
}
