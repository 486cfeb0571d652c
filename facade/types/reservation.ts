import type { BudgetPeriod, CostCheck } from './budget';
import type { CostSettlement, Money } from './money';

/** Tokens held for a call in flight. */
export interface TokenReservation {
  id: string;
  orchestratorId: string;
  tokens: number;
  /** Money held beside the tokens. */
  cost?: Money;
  /** The shortest of {@link TokenReservation.periods}. */
  period: BudgetPeriod;
  /** By the store's clock. */
  createdAt: Date;
  /** When the tokens are given back if nobody releases them before. */
  expiresAt: Date;
  /** Every period that holds the tokens, shortest first. */
  periods?: BudgetPeriod[];
}

/** The answer of `reserveTokens`. A refused one holds nothing. */
export interface ReservationResult {
  success: boolean;
  /** When granted. */
  reservationId?: string;
  /** When granted. */
  reservation?: TokenReservation;
  /** What is left afterwards, the least over the periods; 0 when refused. */
  remaining: number;
  /** When refused: why. */
  error?: string;
  /** What there was before: `remaining + tokens` when granted, else of the period that refused. */
  available?: number;
  /** When refused: the period, shortest first, in which the tokens did not fit. */
  period?: BudgetPeriod;
  /** When refused: which limit it was; tokens when it was both. */
  limitedBy?: 'tokens' | 'cost';
  /** When refused: the money of that period, where there is any. */
  cost?: CostCheck;
  /** When refused: the limit of that period, with live overrides. */
  limit?: number;
  /** When refused: `false` when the tokens exceed the limit itself, so that waiting is in vain. */
  retryable?: boolean;
  /** `true` when it was refused because the orchestrator is paused. */
  paused?: boolean;
  /**
   * When refused: the end of that period's window, when what was used no longer counts; of a paused orchestrator
   * the end of the pause, absent when that is not known.
   */
  resetsAt?: Date;
  /** `true` when the store was away and `onStoreError` answered; nothing is held then. */
  storeUnavailable?: boolean;
}

/** How a reservation ended; the second argument of `reservation:released`. */
export interface ReservationSettlement {
  /** Tokens that were held. */
  reserved: number;
  /** Tokens that were used, as reported. */
  actual: number;
  /** Tokens recorded beyond those held. */
  overage: number;
  /** Whether it had expired before. */
  late: boolean;
  /** Tokens that were recorded: 0 for a known `requestId`, and with `settle: 'release-only'`. */
  recorded: number;
  /** Where money was held or recorded. */
  cost?: CostSettlement;
}
