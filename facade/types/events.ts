import type { BudgetPeriod, CostCheck, TokenBudget } from './budget';
import type { Money } from './money';
import type { StoredOverride } from './override';
import type { OrchestratorPause } from './pause';
import type { ReservationSettlement, TokenReservation } from './reservation';
import type { TokenUsage } from './usage';

/** A threshold that was crossed upwards. */
export interface BudgetThresholdEvent {
  orchestratorId: string;
  period: BudgetPeriod;
  /** The fraction, as configured. */
  threshold: number;
  /** What the numbers count: tokens, or units of the currency, which `cost` tells exactly. Always told. */
  unit?: 'tokens' | 'cost';
  /** Used in the window. */
  currentUsage: number;
  limit: number;
  /** `(used + reserved) / limit * 100`. */
  percentUsed: number;
  timestamp: Date;
  /** Of tokens. */
  reservedTokens?: number;
  /** Of money. */
  cost?: { used: Money; reserved: Money; limit: Money };
}

/** A check or a reservation that was refused. */
export interface BudgetDeniedEvent {
  orchestratorId: string;
  period: BudgetPeriod;
  tokens: number;
  available: number;
  limit: number;
  timestamp: Date;
  source: 'check' | 'reserve';
  /** Which limit it was; none for a paused orchestrator and for a store that is away. */
  limitedBy?: 'tokens' | 'cost';
  cost?: CostCheck;
}

/** What happens between this process and the store. */
export interface StoreEvents {
  'store:connected': [event: { address: string }];
  'store:disconnected': [event: { address: string; reason: string }];
  /** Something an operator should know, such as a server that evicts keys. */
  'store:warning': [event: { message: string }];
  /**
   * A listener threw, or something that was spooled was refused in the end. Only emitted when somebody
   * listens; without a listener nothing is thrown.
   */
  error: [error: unknown];
}

/** Every event, with the arguments of its listeners. */
export interface TrackerEvents extends StoreEvents {
  /** `threshold:50` for 0.5, `threshold:12.5` for 0.125. Once per crossing across all processes. */
  [threshold: `threshold:${number}`]: [event: BudgetThresholdEvent];
  /** A threshold of 1 or above, after its `threshold:<percent>`. */
  'budget:exceeded': [event: BudgetThresholdEvent];
  'budget:denied': [event: BudgetDeniedEvent];
  'budget:set': [event: { orchestratorId: string; budget: TokenBudget | null }];
  /** Tokens were recorded. */
  'usage:tracked': [usage: TokenUsage];
  /** The store is away; the usage waits and is recorded when it is back. */
  'usage:spooled': [usage: TokenUsage];
  'reservation:created': [reservation: TokenReservation];
  'reservation:released': [reservationId: string, settlement: ReservationSettlement];
  'reservation:expired': [reservation: TokenReservation];
  'override:set': [override: StoredOverride];
  'override:removed': [event: { orchestratorId: string; id: string }];
  /** With `broadcast` in every process, else in the one that asked for it. So is its end, but for one by itself. */
  'orchestrator:paused': [pause: OrchestratorPause];
  'orchestrator:resumed': [event: { orchestratorId: string }];
}

export type TrackerEventName = keyof TrackerEvents;

export type TrackerListener<E extends TrackerEventName> = (...args: TrackerEvents[E]) => void;
