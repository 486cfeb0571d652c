/** What circuit breakers are made of, and what they tell. */
import type { BreakerStateName } from '../backend/coordination';
import type { StoreOptions } from '../types/config';
import type { StoreEvents } from '../types/events';

export type CircuitState = BreakerStateName;

/** Opens by the share of calls that failed lately. */
export interface SamplingOptions {
  /** The share of failures that opens it: above 0, at most 1. */
  ratio: number;
  /** Calls in the window below which it stays closed. Default 10. */
  minimum?: number;
  /** How far back calls count: milliseconds or text such as `'30s'`; at most a day. Default `'60s'`. */
  window?: number | string;
}

/** As `events.on_expire` of a timer. */
export interface OnExpireInput {
  webhook?: string;
  message?: string;
  data?: unknown;
}

/** The timer that is made when a breaker opens: where its webhook goes, or all that happens when it fires. */
export type ResetSchedule = { webhook: string } | { on_expire: OnExpireInput };

/** Where a breaker's coordinator comes from: `createTokenCoordinator`. */
export interface BreakerCoordinator {
  readonly timers: object;
}

/**
 * How a {@link CircuitBreaker} works. Durations are milliseconds or text such as `'30s'`, `'5m'`, `'1h30m'`.
 *
 * Without `redis`, `memory` and `coordinator` the state lives in this object alone.
 */
export interface CircuitBreakerOptions extends StoreOptions {
  /** Failures in a row that open it, no success between them. Default 5. */
  threshold?: number;
  /** `'consecutive'` (default), or by the share of failures. */
  mode?: 'consecutive' | { sampling: SamplingOptions };
  /** How long it stays open when the provider does not say when it will be back. Default `'5m'`. */
  resetAfter?: number | string;
  /** The longest it stays open, whatever a provider says. Default `'1h'`, or `resetAfter` where that is longer. */
  maxResetAfter?: number | string;
  /** Each failed probe in a row multiplies `resetAfter` by it; 1 to 1,000. Default 1. */
  growth?: number;
  /** Successful probes in a row that close it. Default 1. */
  successesToClose?: number;
  /** A probe that says nothing for so long makes room for another. Default `'1m'`. */
  probeTimeout?: number | string;
  /**
   * What counts as a failure. It is given what `execute` was thrown, or what it was answered (`kind`). Default: every
   * error but aborts and the caller's own 4xx (408, 425, 429 and refusals for limits are the service's), and answers
   * that are such responses.
   */
  isFailure?: (errorOrResult: unknown, kind: 'error' | 'result') => boolean;
  /** Told of every change this process hears of, as the events are. */
  onStateChange?: (state: CircuitState, previous: CircuitState, event: CircuitChangeEvent) => void;
  /**
   * When it opens, one process makes the timer `Circuit Breaker Reset: <service>` for when a probe may be made; with
   * `coordinator` only.
   */
  schedule?: ResetSchedule;
  /** Its store and its timers; all processes whose coordinators share them share the breaker. */
  coordinator?: BreakerCoordinator;
}

/** The state of a breaker has changed, wherever it was decided. */
export interface CircuitChangeEvent {
  service: string;
  state: CircuitState;
  previous: CircuitState;
  /** Failures that led here. */
  failures: number;
  /** Open: when a probe may be made; `undefined` when only {@link CircuitBreaker.reset} ends it. */
  retryAt: Date | undefined;
}

export interface CircuitBreakerEvents extends StoreEvents {
  open: [event: CircuitChangeEvent];
  halfOpen: [event: CircuitChangeEvent];
  close: [event: CircuitChangeEvent];
  /** A call was not made. */
  rejected: [event: { service: string; retryAt: Date | undefined }];
  /** A call ended well. */
  success: [event: { service: string; isProbe: boolean }];
  /** A call failed: `error` is what was thrown, or the answer that counts as a failure. */
  failure: [event: { service: string; isProbe: boolean; error: unknown }];
}

/** What `execute` gives to the function. */
export interface CallContext {
  /** Of the options of `execute`; `undefined` without. */
  readonly signal: AbortSignal | undefined;
  /** Whether the call finds out if the service is back. */
  readonly isProbe: boolean;
}

/** What {@link CircuitBreaker.export} returns: plain JSON. Instants are milliseconds since the epoch. */
export interface CircuitBreakerSnapshot {
  version: 1;
  service: string;
  state: CircuitState;
  failures: number;
  /** Of the window (sampling), or of probes in a row. */
  successes: number;
  /** How often in a row it opened without closing. */
  openings: number;
  /** 0: never. */
  openedAtMs: number;
  /** `null`: until it is reset by hand; 0 when it is closed. */
  openUntilMs: number | null;
}
