import type { Amounts, CheckedUsage } from '../arguments';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { VerbNumber } from './protocol';

/**
 * Where operations go. What comes in is checked; a method may throw instead of rejecting. Events
 * of an operation are emitted before its promise resolves.
 */
export interface Backend {
  check(
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<BudgetCheck>;
  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    costMicros: number,
    signal: AbortSignal | undefined,
  ): Promise<ReservationResult>;
  settle(reservationId: string, amounts: Amounts): Promise<void>;
  track(usage: CheckedUsage): Promise<void>;
  stats(orchestratorId: string, period: PeriodIndex, signal: AbortSignal | undefined): Promise<UsageStats>;
  /** The colder operations: JSON in, JSON out. */
  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string>;
  ping(): Promise<void>;
  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void>;
  /** Called once. Resolves when what was pending is done, at the latest after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}
