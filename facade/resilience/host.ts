import type { CoordinationBackend } from '../backend/coordination';
import type { OnExpireInput } from './breaker-types';

/** What breakers need of the timers of a coordinator. */
export interface HostTimers {
  create(timer: {
    id: string;
    name: string;
    fireAt: number;
    events: { on_expire: OnExpireInput };
  }): Promise<unknown>;
  cancel(id: string): Promise<unknown>;
  /** Those with a name that have not fired yet. */
  scheduled(name: string): AsyncIterable<{ id: string }>;
}

/** What a coordinator lends to its breakers. */
export interface BreakerHost {
  readonly backend: CoordinationBackend;
  readonly timers: HostTimers;
  /** Throws `INVALID_ARGUMENT` for what no timer could do on expiry. */
  checkOnExpire(value: unknown, at: string): void;
  /** Whether it was closed. */
  readonly isClosed: boolean;
}

const hosts = new WeakMap<object, BreakerHost>();

/** Every coordinator does this once. */
export function registerBreakerHost(coordinator: object, host: BreakerHost): void {
  hosts.set(coordinator, host);
}

/** `undefined`: it is no coordinator. */
export function breakerHostOf(coordinator: unknown): BreakerHost | undefined {
  const isObject = typeof coordinator === 'object' && coordinator !== null;
  return isObject ? hosts.get(coordinator) : undefined;
}
