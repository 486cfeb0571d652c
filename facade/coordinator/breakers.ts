import { isDeepStrictEqual } from 'node:util';
import { TokenBudgetError } from '../errors';
import type { CircuitBreakerOptions } from '../resilience';
import { readOptions } from '../resilience/breaker-options';
import { CircuitBreaker, isClosed } from '../resilience/circuit-breaker';
import type { TokenCoordinator } from './coordinator';

type Options = Omit<CircuitBreakerOptions, 'coordinator'>;

interface Known {
  breaker: CircuitBreaker;
  /** What it was made with, in one form. */
  made: unknown;
}

/** The circuit breakers of a coordinator, one for each service: whoever asks for one with each request gets the same. */
export class Breakers {
  readonly #coordinator: TokenCoordinator;
  readonly #known = new Map<string, Known>();

  constructor(coordinator: TokenCoordinator) {
    this.#coordinator = coordinator;
  }

  /** Throws `REQUEST_CONFLICT` where there is one with other options, `INVALID_CONFIG` for options that are wrong. */
  of(service: string, options: Options | undefined): CircuitBreaker {
    const known = this.#known.get(service);
    const isLive = known !== undefined && !isClosed(known.breaker);
    if (isLive && options === undefined) return known.breaker;
    const given: CircuitBreakerOptions = { ...options, coordinator: this.#coordinator };
    const made = comparable(service, given);
    if (!isLive) {
      const breaker = new CircuitBreaker(service, given);
      this.#known.set(service, { breaker, made });
      return breaker;
    }
    if (isDeepStrictEqual(known.made, made)) return known.breaker;
    throw new TokenBudgetError(
      'REQUEST_CONFLICT',
      `options: the circuit breaker of ${JSON.stringify(service)} was made with others; close() it first`,
      { field: 'options' },
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#known.values()].map(({ breaker }) => breaker.close()));
  }
}

/** `'5m'` and 300,000 are the same, and so is a default and what was left out. */
function comparable(service: string, options: CircuitBreakerOptions): unknown {
  const { policy, onExpire, onStateChange } = readOptions(service, options);
  return [policy, onExpire, onStateChange, options.isFailure];
}
