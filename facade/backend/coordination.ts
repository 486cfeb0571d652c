/** What timers and circuit breakers ask of a store, wherever it is. */

/** How the timers of a coordinator are kept; said once, when it is made. */
export interface TimersPolicy {
  /** An ended timer is remembered for so long. */
  keepEndedMs: number;
  /** A dead delivery is kept for so long. */
  keepDeadMs: number;
}

/** A timer as the store knows it; see `src/domain/timers/operation.rs`. */
export interface WireTimer {
  id: string;
  name: string;
  /** Empty: nobody's. */
  owner: string;
  documentJson: string;
  /** Empty: it fires once. */
  recurrenceJson: string;
  nonce: string;
  fingerprint: string;
  status: 'scheduled' | 'fired' | 'cancelled';
  createdAtMs: number;
  startedAtMs: number;
  fireAtMs: number;
  /** How often it has fired, or was given another time while it was about to. */
  occurrence: number;
  /** 0 while it is scheduled. */
  endedAtMs: number;
  /** Empty: nobody does what is due. */
  holder: string;
  claimedUntilMs: number;
}

/** Something to be sent because a timer fired. */
export interface WireDelivery {
  /** `<nonce of the timer>.<occurrence>` */
  id: string;
  timerId: string;
  endpoint: string;
  documentJson: string;
  createdAtMs: number;
  attempts: number;
  nextAttemptAtMs: number;
  isDead: boolean;
  error: string;
  isDisabled: boolean;
  holder: string;
  claimedUntilMs: number;
}

/** When a timer is due: in so many milliseconds by the store's clock, or at an instant of it. */
export type WireDue = { is: 'in'; with: number } | { is: 'at'; with: number };

/** A timer as its author describes it. A type and no interface, so that it can be written as JSON as it is. */
export type WireNewTimer = {
  id: string;
  name: string;
  owner: string;
  due: WireDue;
  documentJson: string;
  recurrenceJson: string;
  nonce: string;
  fingerprint: string;
};

export type TimerOperation =
  | { is: 'create'; with: WireNewTimer }
  | { is: 'get' | 'cancel'; with: { id: string } }
  | {
      is: 'update';
      with: {
        id: string;
        change: {
          name: string | null;
          owner: string | null;
          due: WireDue | null;
          documentJson: string | null;
          recurrenceJson: string | null;
        };
      };
    }
  | {
      is: 'list';
      with: {
        status: WireTimer['status'] | null;
        name: string | null;
        owner: string | null;
        after: string;
        limit: number;
      };
    }
  | { is: 'claim'; with: { holder: string; leaseMs: number; timers: number; deliveries: number } }
  | {
      is: 'fired';
      with: {
        id: string;
        nonce: string;
        holder: string;
        occurrence: number;
        nextFireAtMs: number | null;
        delivery: { endpoint: string; documentJson: string; leaseMs: number } | null;
      };
    }
  | { is: 'release'; with: { holder: string; timers: string[]; deliveries: string[] } }
  | { is: 'renew'; with: { holder: string; leaseMs: number; timers: string[]; deliveries: string[] } }
  | { is: 'delivered'; with: { id: string; holder: string } }
  | {
      is: 'undelivered';
      with: { id: string; holder: string; error: string; retryInMs: number | null; disable: boolean };
    }
  | { is: 'deliveries'; with: { dead: boolean; after: string; limit: number } }
  | { is: 'redeliver' | 'discard'; with: { id: string } }
  | { is: 'endpoint'; with: { endpoint: string; enabled: boolean } }
  | { is: 'endpoints' }
  /** Told as `expired` to every other process that listens; nothing is kept of it. */
  | { is: 'broadcast'; with: { message: string } };

export type TimerOutcome =
  | { is: 'created'; with: { timer: WireTimer; isNew: boolean } }
  | { is: 'conflict' }
  | { is: 'timer'; with: WireTimer | null }
  | { is: 'timers'; with: { timers: WireTimer[]; next: string } }
  | { is: 'claimed'; with: { timers: WireTimer[]; deliveries: WireDelivery[] } }
  | { is: 'fired'; with: { wasHeld: boolean; delivery: WireDelivery | null } }
  | { is: 'done'; with: boolean }
  | { is: 'renewed'; with: number }
  | { is: 'deliveries'; with: { deliveries: WireDelivery[]; next: string } }
  | { is: 'endpoints'; with: string[] };

export interface TimersAnswer {
  /**
   * `undefined`: the store is away. What was reported (`fired`, `release`, `delivered`, `undelivered`, `broadcast`)
   * is kept in this process, in its order, and told to the store when it is back. Everything else rejects instead.
   */
  outcome: TimerOutcome | undefined;
  /** The store's clock when it decided; an estimate where the store did not. */
  nowMs: number;
  /** When something of the shard is due next: a timer, a delivery, the end of a claim. */
  nextDueMs: number | null;
}

export type BreakerStateName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** How a breaker works; see `src/domain/breakers/operation.rs`. Said with every operation. */
export interface BreakerPolicy {
  mode:
    | { is: 'consecutive'; with: { threshold: number } }
    | { is: 'sampling'; with: { thresholdPpm: number; minimum: number; windowMs: number } };
  resetAfterMs: number;
  resetAfterMaxMs: number;
  growthPermille: number;
  successesToClose: number;
  probeTtlMs: number;
}

/** A type and no interface, so that it can be written as JSON as it is. */
export type BreakerView = {
  state: BreakerStateName;
  failures: number;
  successes: number;
  openedAtMs: number;
  openUntilMs: number;
  openings: number;
  probeUntilMs: number;
  version: number;
};

export type BreakerOperation =
  | { is: 'view' }
  | { is: 'record'; with: { successes: number; failures: number; resetInMs: number | null } }
  | { is: 'probe'; with: { holder: string } }
  | { is: 'probed'; with: { holder: string; succeeded: boolean | null; resetInMs: number | null } }
  | { is: 'force'; with: { state: BreakerStateName; forMs: number | null } }
  | { is: 'restore'; with: { view: BreakerView } };

export interface BreakerOutcome {
  view: BreakerView;
  isGranted: boolean;
  transitions: Array<{ from: BreakerStateName; to: BreakerStateName }>;
}

export interface BreakerAnswer {
  /** `undefined`: the store is away; a `record` or `probed` is kept until it is back. Everything else rejects. */
  outcome: BreakerOutcome | undefined;
  nowMs: number;
}

/** What other processes tell. Messages that are published while the connection is away are missed. */
export type CoordinationNews =
  /** Something of a shard is due earlier than anybody knew. */
  | [kind: 'due', shard: string, dueMs: number]
  /** The message of somebody's `broadcast`, one's own included. */
  | [kind: 'expired', message: string]
  /** A breaker has changed; the view as JSON, see {@link BreakerView}. */
  | [kind: 'breaker', name: string, viewJson: string]
  /** All of these are heard from now on; earlier ones may have been missed. */
  | [kind: 'listening'];

export type NewsKind = Exclude<CoordinationNews[0], 'listening'>;

export interface CoordinationOptions {
  timers: TimersPolicy;
  /** What is listened to on Redis. Default: nothing. A store in this process tells without being asked. */
  listens?: readonly NewsKind[];
}

/**
 * One store of timers and breakers. What is asked about one shard or one breaker is applied in order.
 *
 * Errors are {@link TokenBudgetError}s: `STORE_UNAVAILABLE`, `TIMEOUT`, `CLOSED`, `INVALID_ARGUMENT`.
 */
export interface CoordinationBackend {
  /** Rejects with the reason of `signal`; what was claimed for nobody is then released. */
  timers(shard: string, operation: TimerOperation, signal?: AbortSignal): Promise<TimersAnswer>;
  breaker(
    name: string,
    policy: BreakerPolicy,
    operation: BreakerOperation,
    signal?: AbortSignal,
  ): Promise<BreakerAnswer>;
  /** The same, answered at once: only where the store is in this process. */
  breakerNow?(name: string, policy: BreakerPolicy, operation: BreakerOperation): BreakerOutcome;
  /** Returns what ends it. */
  onNews(listener: (...news: CoordinationNews) => void): () => void;
  /** The store's clock as well as it is known here. */
  now(): number;
  ping(): Promise<void>;
  ready(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  close(timeoutMs: number): Promise<void>;
}
