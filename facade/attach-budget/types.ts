import type { TokenBudgetTracker } from '../tracker';
import type { BudgetCheck, BudgetPeriod } from '../types/budget';
import type { ReservationResult } from '../types/reservation';

/** What a session has used so far. Exact integers from 0 to 2^53 - 1; what is left out is not known. */
export interface DaemonSessionMetrics {
  /** All tokens. Left out: the sum of the two parts. */
  tokensUsed?: number;
  promptTokens?: number;
  completionTokens?: number;
  cacheReadTokens?: number;
  cacheWriteTokens?: number;
  reasoningTokens?: number;
}

/** A session as a daemon tells of it. */
export interface DaemonSession {
  id: string;
  orchestratorId: string;
  model?: string;
  /** `completed`, `failed` and `terminated` have ended. */
  status?: string;
  /** With it, and its id, the usage of a session counts once, whoever reports it. */
  startedAt?: Date;
  metrics?: DaemonSessionMetrics;
}

/** Whoever emits the events of sessions. */
export interface SessionEmitter {
  // biome-ignore lint/suspicious/noExplicitAny: emitters declare their listeners so, and no other type takes them all
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: string, listener: (...args: any[]) => void): unknown;
}

/** A daemon: the one of the orchestrator package, or what looks like it. */
export interface SessionDaemon extends SessionEmitter {
  stopSession?(sessionId: string): unknown;
}

/** What {@link attachBudget} needs of a tracker. */
export type SessionTracker = Pick<
  TokenBudgetTracker,
  'checkBudget' | 'reserveTokens' | 'releaseReservation' | 'trackUsage' | 'on' | 'off'
>;

/** How {@link attachBudget} treats sessions. */
export interface AttachBudgetOptions {
  /**
   * `reserve` holds the estimated tokens until the session ends, so that sessions together cannot spend more than there
   * is; `check` only looks. Default `reserve`.
   */
  mode?: 'reserve' | 'check';
  /** Tokens that a session is expected to use. Default 10,000. */
  estimate?: number | ((session: DaemonSession) => number | Promise<number>);
  /** Where they have to fit. Default `hourly`. */
  period?: BudgetPeriod | readonly BudgetPeriod[] | 'all';
  /**
   * The model of sessions that name none, by which they are priced where money is limited. Without any, such a session is
   * refused, or costs nothing with `unknownModel: 'unpriced'` of the tracker. Its usage counts under `unknown`.
   */
  model?: string | ((session: DaemonSession) => string | undefined);
  /** How long tokens are held at most, in milliseconds. What is used later still counts. Default: the tracker's. */
  reservationTTL?: number;
  /** Who else tells of sessions. Default: the `sessionManager` of the daemon, when it has one. */
  sessions?: SessionEmitter;
  /** Stops a session that was refused. Default: `stopSession` of the daemon, else of `sessions`. */
  stop?(session: DaemonSession): unknown;
  /** Told before it is stopped. */
  onRefused?(session: DaemonSession, answer: BudgetCheck | ReservationResult): void;
  /** Whatever fails. A session that could not be checked goes on. Default: the `error` event of the tracker, when heard. */
  onError?(error: unknown, session: DaemonSession | null): void;
}

/** Listens no more. Resolves when everything that was under way is done; never rejects. */
export type DetachBudget = () => Promise<void>;
