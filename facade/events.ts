import { EventEmitter } from 'node:events';
import type { Amounts } from './arguments';
import { percentOf, percentUsed } from './percent';
import { periodName, periodsOf } from './periods';
import type {
  BudgetDeniedEvent,
  BudgetThresholdEvent,
  TrackerEventName,
  TrackerEvents,
} from './types/events';
import type { ReservationSettlement, TokenReservation } from './types/reservation';
import type { TokenUsage } from './types/usage';

type Listener = (...args: never) => unknown;

/**
 * Tells listeners. One that throws, or whose promise rejects, stops neither the operation nor the
 * listeners after it: the failure goes to `error` when somebody listens there, else nowhere.
 */
export class Announcer {
  readonly #emitter: EventEmitter;

  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
  }

  /** Whether an event would reach anybody: a listener, or whoever has replaced `emit`. */
  reaches(name: TrackerEventName): boolean {
    return this.#emitter.emit !== EventEmitter.prototype.emit || this.#emitter.listenerCount(name) > 0;
  }

  emit<E extends TrackerEventName>(name: E, ...args: TrackerEvents[E]): void {
    const emitter = this.#emitter;
    if (emitter.emit !== EventEmitter.prototype.emit) {
      // Somebody watches or forwards every event by replacing `emit`.
      if (name !== 'error' || emitter.listenerCount(name) > 0)
        this.#call(name, emitter.emit, [name, ...args]);
    } else if (emitter.listenerCount(name) > 0) {
      for (const listener of emitter.rawListeners(name)) this.#call(name, listener as Listener, args);
    }
  }

  #call(name: TrackerEventName, listener: Listener, args: readonly unknown[]): void {
    try {
      const result: unknown = Reflect.apply(listener, this.#emitter, args);
      if (typeof result === 'object' && result !== null && 'then' in result) {
        Promise.resolve(result).then(undefined, (error: unknown) => this.#failed(name, error));
      }
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: TrackerEventName, error: unknown): void {
    if (name !== 'error') this.emit('error', error);
  }

  threshold(
    period: number,
    threshold: number,
    used: number,
    reserved: number,
    limit: number,
    atMs: number,
    orchestratorId: string,
  ): void {
    const event: BudgetThresholdEvent = {
      orchestratorId,
      period: periodName(period),
      threshold,
      currentUsage: used,
      limit,
      percentUsed: percentUsed(used, reserved, limit),
      timestamp: new Date(atMs),
      reservedTokens: reserved,
    };
    this.emit(`threshold:${percentOf(threshold)}`, event);
    if (threshold >= 1) this.emit('budget:exceeded', event);
  }

  expired(
    tokens: number,
    periods: number,
    createdAtMs: number,
    expiresAtMs: number,
    id: string,
    orchestratorId: string,
  ): void {
    if (!this.reaches('reservation:expired')) return;
    this.emit(
      'reservation:expired',
      reservationOf(id, orchestratorId, tokens, periods, createdAtMs, expiresAtMs),
    );
  }

  denied(event: BudgetDeniedEvent): void {
    this.emit('budget:denied', event);
  }

  tracked(usage: TokenUsage): void {
    if (this.reaches('usage:tracked')) this.emit('usage:tracked', usage);
  }

  settled(reservationId: string, settlement: ReservationSettlement, usage: () => TokenUsage): void {
    if (this.reaches('reservation:released')) this.emit('reservation:released', reservationId, settlement);
    if (settlement.recorded > 0 && this.reaches('usage:tracked')) this.emit('usage:tracked', usage());
  }
}

export function reservationOf(
  id: string,
  orchestratorId: string,
  tokens: number,
  mask: number,
  createdAtMs: number,
  expiresAtMs: number,
): TokenReservation {
  const periods = periodsOf(mask);
  return {
    id,
    orchestratorId,
    tokens,
    period: periods[0] ?? 'hourly',
    createdAt: new Date(createdAtMs),
    expiresAt: new Date(expiresAtMs),
    periods,
  };
}

/** The usage that ending a reservation recorded. */
export function settledUsage(orchestratorId: string, amounts: Amounts, nowMs: number): TokenUsage {
  const usage: TokenUsage = {
    orchestratorId,
    sessionId: amounts.sessionId,
    timestamp: new Date(nowMs),
    promptTokens: amounts.prompt,
    completionTokens: amounts.completion,
    cacheReadTokens: amounts.cacheRead,
    cacheWriteTokens: amounts.cacheWrite,
    reasoningTokens: amounts.reasoning,
    totalTokens: amounts.total,
    model: amounts.model === '' ? 'unknown' : amounts.model,
  };
  if (amounts.requestId !== null) usage.requestId = amounts.requestId;
  return usage;
}
