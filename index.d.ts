// Built from facade/ by `npm run build:types`. Do not edit.

import { EventEmitter } from 'node:events';

/**
 * What went wrong, for programs. Stable: a code is never renamed.
 *
 * | code | meaning |
 * |---|---|
 * | `INVALID_CONFIG` | the constructor was given something it cannot work with; `field` names it |
 * | `INVALID_ARGUMENT` | a method was; `field` names it, and nothing was written |
 * | `RESERVATION_NOT_FOUND` | unknown, already ended, or expired longer ago than `lateSettleTTL` |
 * | `OVERRIDES_DISABLED` | `enableOverrides` is `false` |
 * | `REQUEST_CONFLICT` | the `requestId` was seen before with other numbers |
 * | `STORE_UNAVAILABLE` | not connected, the server refused, or too much is waiting (`maxPending`) |
 * | `TIMEOUT` | connected, and no answer within `commandTimeout` |
 * | `CLOSED` | the tracker was closed |
 */
type TokenBudgetErrorCode = 'INVALID_CONFIG' | 'INVALID_ARGUMENT' | 'RESERVATION_NOT_FOUND' | 'OVERRIDES_DISABLED' | 'REQUEST_CONFLICT' | 'STORE_UNAVAILABLE' | 'TIMEOUT' | 'CLOSED';
/**
 * Every failure of this package. A denied budget is none: it is a result.
 *
 * @example
 * ```ts
 * try {
 *   await tracker.releaseReservation(id, 1200);
 * } catch (error) {
 *   if (error instanceof TokenBudgetError && error.code === 'RESERVATION_NOT_FOUND') return;
 *   throw error;
 * }
 * ```
 */
declare class TokenBudgetError extends Error {
    readonly name = "TokenBudgetError";
    readonly code: TokenBudgetErrorCode;
    /** Path of the refused field, such as `usage.promptTokens` or `redis.port`. */
    readonly field: string | undefined;
    constructor(code: TokenBudgetErrorCode, message: string, details?: {
        field?: string;
        cause?: unknown;
    });
}

/** A calendar period, in the time zone of `timeZone`. */
type BudgetPeriod = 'hourly' | 'daily' | 'monthly';
/** Tokens per period. A period left out is unlimited; 0 allows nothing. */
interface TokenBudget {
    hourly?: number;
    daily?: number;
    monthly?: number;
}
/** The answer of `checkBudget`. */
interface BudgetCheck {
    allowed: boolean;
    /** What would be left after the estimated tokens: `max(0, available - estimatedTokens)`. */
    remaining: number;
    /** With live overrides; `Infinity` when unlimited. */
    limit: number;
    period: BudgetPeriod;
    /** `(used + reserved) / limit * 100`, before the estimated tokens. */
    percentUsed: number;
    estimatedTokens: number;
    wouldExceed: boolean;
    /** Why it is refused, or that there is no limit. */
    message?: string;
    /** What there is before the estimated tokens. */
    available?: number;
    /** `true` when the store was away and `onStoreError` answered; then the numbers say nothing. */
    storeUnavailable?: boolean;
}
/** The limits of one orchestrator. */
interface BudgetInForce {
    /** Without overrides. */
    base: TokenBudget;
    /** With the live overrides. */
    effective: TokenBudget;
    /** `stored`: set by `setBudget`, for every process; `configured`: from the configuration. */
    source: 'configured' | 'stored';
}
/** A window of one period: `[start, end)`. */
interface PeriodWindow {
    period: BudgetPeriod;
    start: Date;
    end: Date;
    ttlSeconds: number;
    key: string;
}
/** The keys of one orchestrator and period. */
interface BudgetKeys {
    usage: string;
    reservations: string;
    overrides: string;
    metadata: string;
}

/**
 * Extra tokens in one period until an instant, for every process at once. An orchestrator can have
 * 1,000 live ones; one more is refused with `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * await tracker.setBudgetOverride({
 *   orchestratorId: 'orchestrator-1', period: 'hourly', additionalTokens: 50_000,
 *   reason: 'Production incident', expiresAt: new Date(Date.now() + 3_600_000), createdBy: 'ops',
 * });
 * ```
 */
interface BudgetOverride {
    orchestratorId: string;
    period: BudgetPeriod;
    /** An exact integer from 0 to 2^53 - 1. */
    additionalTokens: number;
    /** At most 4,096 bytes. */
    reason: string;
    /** In the past it has no effect. */
    expiresAt: Date;
    /** At most 1,024 bytes. */
    createdBy: string;
    /** Kept as JSON, at most 64 KiB of it. */
    metadata?: Record<string, unknown>;
    /** Yours to give, 1 to 256 bytes; one that exists is replaced. Default: a random UUID. */
    id?: string;
}
/** An override as the store keeps it. */
interface StoredOverride extends BudgetOverride {
    id: string;
}

/** Tokens held for a call in flight. */
interface TokenReservation {
    id: string;
    orchestratorId: string;
    tokens: number;
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
interface ReservationResult {
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
    /** When refused: the limit of that period, with live overrides. */
    limit?: number;
    /** When refused: `false` when the tokens exceed the limit itself, so that waiting is in vain. */
    retryable?: boolean;
    /** When refused: the end of that period's window, when what was used no longer counts. */
    resetsAt?: Date;
    /** `true` when the store was away and `onStoreError` answered; nothing is held then. */
    storeUnavailable?: boolean;
}
/** How a reservation ended; the second argument of `reservation:released`. */
interface ReservationSettlement {
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
}

/** How the tokens of a call came about. All are exact integers from 0 to 2^53 - 1. */
interface TokenParts {
    promptTokens: number;
    completionTokens: number;
    /** Prompt tokens that were read from the provider's cache. */
    cacheReadTokens?: number;
    /** Prompt tokens that were written to the provider's cache. */
    cacheWriteTokens?: number;
    /** Completion tokens that were spent on reasoning. */
    reasoningTokens?: number;
}
/**
 * Tokens that are gone. `totalTokens` is what counts against the budget; the parts describe it.
 *
 * @example
 * ```ts
 * await tracker.trackUsage({
 *   orchestratorId: 'orchestrator-1', sessionId: 'session-1', timestamp: new Date(),
 *   promptTokens: 1000, completionTokens: 2000, totalTokens: 3000, model: 'claude-sonnet-4.5',
 * });
 * ```
 */
interface TokenUsage extends TokenParts {
    /** Who spent them: 1 to 256 bytes of UTF-8. */
    orchestratorId: string;
    /** At most 1,024 bytes. */
    sessionId: string;
    /**
     * When they were spent. Counts in each period whose current window contains it; one in the
     * future counts as now.
     */
    timestamp: Date;
    totalTokens: number;
    /** At most 256 bytes; empty counts as `unknown`. */
    model: string;
    /**
     * Counts once within `idempotencyTTL`: reporting it again resolves and changes nothing, with
     * other numbers it rejects with `REQUEST_CONFLICT`. At most 1,024 bytes.
     */
    requestId?: string;
    /** Kept in the history as JSON, at most 64 KiB of it. */
    metadata?: Record<string, unknown>;
}
/** Who used the tokens of a reservation that ends. */
interface UsageAttribution extends Partial<TokenParts> {
    model?: string;
    sessionId?: string;
    /** As in {@link TokenUsage.requestId}. */
    requestId?: string;
}
/** One entry of the history of a period. */
interface UsageRecord extends TokenUsage {
    /** When the usage came from ending a reservation. */
    reservationId?: string;
}
/** Usage of the current window of one period. */
interface UsageStats {
    orchestratorId: string;
    period: BudgetPeriod;
    /** Tokens recorded in the window. */
    totalUsed: number;
    /** With live overrides; `Infinity` when unlimited. */
    limit: number;
    /** `max(0, limit - totalUsed - reservedTokens)`; `Infinity` when unlimited. */
    remaining: number;
    /** `(totalUsed + reservedTokens) / limit * 100`; 0 when unlimited, 100 when the limit is 0. */
    percentUsed: number;
    reservedTokens: number;
    activeReservations: number;
    /** The window `[periodStart, periodEnd)`, by the store's clock. */
    periodStart: Date;
    periodEnd: Date;
    breakdown: {
        promptTokens: number;
        completionTokens: number;
        cacheReadTokens?: number;
        cacheWriteTokens?: number;
        reasoningTokens?: number;
        /** Used tokens that no part accounts for. */
        unattributedTokens?: number;
    };
    /** At most five, most tokens first; `percentage` is the share of `totalUsed`. */
    topModels: Array<{
        model: string;
        tokens: number;
        percentage: number;
    }>;
}

/** A threshold that was crossed upwards. */
interface BudgetThresholdEvent {
    orchestratorId: string;
    period: BudgetPeriod;
    /** The fraction, as configured. */
    threshold: number;
    /** Tokens used in the window. */
    currentUsage: number;
    limit: number;
    /** `(used + reserved) / limit * 100`. */
    percentUsed: number;
    timestamp: Date;
    reservedTokens?: number;
}
/** A check or a reservation that was refused. */
interface BudgetDeniedEvent {
    orchestratorId: string;
    period: BudgetPeriod;
    tokens: number;
    available: number;
    limit: number;
    timestamp: Date;
    source: 'check' | 'reserve';
}
/** Every event, with the arguments of its listeners. */
interface TrackerEvents {
    /** `threshold:50` for 0.5, `threshold:12.5` for 0.125. Once per crossing across all processes. */
    [threshold: `threshold:${number}`]: [event: BudgetThresholdEvent];
    /** A threshold of 1 or above, after its `threshold:<percent>`. */
    'budget:exceeded': [event: BudgetThresholdEvent];
    'budget:denied': [event: BudgetDeniedEvent];
    'budget:set': [event: {
        orchestratorId: string;
        budget: TokenBudget | null;
    }];
    /** Tokens were recorded. */
    'usage:tracked': [usage: TokenUsage];
    /** The store is away; the usage waits and is recorded when it is back. */
    'usage:spooled': [usage: TokenUsage];
    'reservation:created': [reservation: TokenReservation];
    'reservation:released': [reservationId: string, settlement: ReservationSettlement];
    'reservation:expired': [reservation: TokenReservation];
    'override:set': [override: StoredOverride];
    'override:removed': [event: {
        orchestratorId: string;
        id: string;
    }];
    'store:connected': [event: {
        address: string;
    }];
    'store:disconnected': [event: {
        address: string;
        reason: string;
    }];
    /** Something an operator should know, such as a server that evicts keys. */
    'store:warning': [event: {
        message: string;
    }];
    /**
     * A listener threw, or a spooled usage was refused in the end. Only emitted when somebody
     * listens; without a listener nothing is thrown.
     */
    error: [error: unknown];
}
type TrackerEventName = keyof TrackerEvents;
type TrackerListener<E extends TrackerEventName> = (...args: TrackerEvents[E]) => void;

/** Node's emitter, with listeners typed by the name of the event. */
interface TypedEmitter extends EventEmitter {
    on<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    once<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    off<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    addListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    removeListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    prependListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    prependOnceListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
    emit<E extends TrackerEventName>(event: E, ...args: TrackerEvents[E]): boolean;
}
declare const TypedEmitter: new () => TypedEmitter;

/** One server address. */
interface RedisNode {
    host: string;
    port?: number;
}
/** TLS towards the store; certificates and keys as PEM. */
interface RedisTlsOptions {
    ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
    cert?: string | Uint8Array;
    key?: string | Uint8Array;
    /** Default `true`. `false` accepts any certificate: never in production. */
    rejectUnauthorized?: boolean;
}
/** Where Redis or Valkey is. `{}` is `localhost:6379`. A field wins over the same part of `url`. */
interface RedisOptions {
    /** Default `localhost`. */
    host?: string;
    /** Default 6379. */
    port?: number;
    username?: string;
    password?: string;
    /** Default 0; a cluster has only 0. */
    db?: number;
    /** Begins every key. Default `orchestrator`. */
    keyPrefix?: string;
    /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
    url?: string;
    tls?: boolean | RedisTlsOptions;
    /** Sentinels to ask for the primary called `name`. Default port 26379. */
    sentinels?: readonly RedisNode[];
    /** The name of the primary, with `sentinels`. */
    name?: string;
    sentinelUsername?: string;
    sentinelPassword?: string;
    /** Nodes of a cluster to begin with; `true` begins with `host` and `port`. */
    cluster?: readonly RedisNode[] | true;
    /**
     * Whether connections live in a thread of their own. Default `false`: in the event loop of the thread that
     * calls, where a call changes threads least often. `true` takes work off a busy main thread and makes each
     * call about as long as two thread changes slower.
     */
    ioThread?: boolean;
    /**
     * How long the thread looks for the answer to a call that nothing else waits beside, before it sleeps, in
     * microseconds. A server on the same machine answers sooner than a sleeping thread wakes up; where looking is in
     * vain it is hardly ever tried. Default 50, at most 1,000; 0 never looks.
     */
    busyPollMicros?: number;
}
/**
 * How a tracker is set up. Everything is optional; without `redis`, state lives in this process.
 * Durations are milliseconds.
 *
 * @example
 * ```ts
 * const tracker = new TokenBudgetTracker({
 *   defaultBudget: { hourly: 100_000, daily: 1_000_000 },
 *   redis: { url: 'redis://localhost:6379/0' },
 * });
 * ```
 */
interface BudgetConfig {
    /** For every orchestrator without its own. Default: unlimited. */
    defaultBudget?: TokenBudget;
    /** Each replaces the default as a whole. */
    orchestratorBudgets?: Record<string, TokenBudget>;
    /** Ascending fractions above 0, at most 1000. Default `[0.5, 0.75, 0.9, 1.0]`. */
    thresholds?: readonly number[];
    /** Life of a reservation that nobody releases. Default 900,000 (15 minutes). */
    reservationTTL?: number;
    /** Default `true`. */
    enableOverrides?: boolean;
    /** State on Redis or Valkey, shared by every process. Default: in memory. */
    redis?: RedisOptions;
    /** In memory, shared by name between the trackers and worker threads of this process. */
    memory?: {
        name?: string;
    };
    /** The time of the store in memory, in milliseconds since the epoch. Default `Date.now`. */
    clock?: () => number;
    /** IANA name of the zone in which hours, days and months begin. Default `UTC`. */
    timeZone?: string;
    /** How long a `requestId` is remembered. Default 3,600,000 (1 hour). */
    idempotencyTTL?: number;
    /** How long after its expiry a reservation can still be settled. Default 86,400,000 (1 day). */
    lateSettleTTL?: number;
    /** Entries kept per orchestrator and period; 0 keeps none. Default 100,000. */
    historyLimit?: number;
    /** Whether ending a reservation records its usage. Default `record`. */
    settle?: 'record' | 'release-only';
    /** Whether every process hears every threshold. Default `false`: the one that crossed it. */
    broadcast?: boolean;
    /** What checks and reservations answer while the store is away or refuses. Default `reject`. */
    onStoreError?: 'reject' | 'allow' | 'deny';
    /** Every operation ends within this. Default 2,000. */
    commandTimeout?: number;
    /** Default 5,000. */
    connectTimeout?: number;
    /** Reported usages that may wait for an absent or slow store after their promise resolved. Default 100,000. */
    spoolLimit?: number;
    /** Operations that may wait at once; one more rejects with `STORE_UNAVAILABLE`. Default 100,000. */
    maxPending?: number;
}

/** Options of `checkBudget` and `getUsageStats`. */
interface CheckOptions {
    /** When it aborts, the promise rejects with its reason. */
    signal?: AbortSignal;
}
/** Options of `reserveTokens`. */
interface ReserveOptions {
    /** When it aborts, the promise rejects with its reason; a grant that comes later is released. */
    signal?: AbortSignal;
    /** Milliseconds; wins over `reservationTTL`. */
    ttl?: number;
}
/** Options of `listReservations`. */
interface ListReservationsOptions {
    /** Default: every period. */
    period?: BudgetPeriod;
    /** Default 0. */
    offset?: number;
    /** Default 100. */
    limit?: number;
}
/** Options of `getUsageHistory`. */
interface HistoryOptions {
    /** Default 100. */
    limit?: number;
    /** Newest entries to skip. Default 0. */
    offset?: number;
}
/** Options of `ready`. */
interface ReadyOptions {
    signal?: AbortSignal;
    /** Milliseconds. Default `connectTimeout`. */
    timeout?: number;
}
/** Options of `close`. */
interface CloseOptions {
    /** Milliseconds that pending operations and waiting usages get. Default 5,000. */
    timeout?: number;
}

/**
 * Counts, reserves and enforces the tokens of many orchestrators at once.
 *
 * Methods never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 100_000 } });
 * const reservation = await tracker.reserveTokens('orchestrator-1', 5000);
 * if (reservation.success) {
 *   const response = await callModel();
 *   await tracker.releaseReservation(reservation.reservationId!, response.usage.total_tokens);
 * }
 * ```
 */
declare class TokenBudgetTracker extends TypedEmitter {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(config?: BudgetConfig);
    /** Records tokens that are gone, whatever the limit. Emits `usage:tracked`. */
    trackUsage(usage: TokenUsage): Promise<void>;
    /** Whether `estimatedTokens` would fit now. Holds nothing: use `reserveTokens` to be sure. */
    checkBudget(orchestratorId: string, estimatedTokens: number, period?: BudgetPeriod, options?: CheckOptions): Promise<BudgetCheck>;
    /**
     * Holds tokens in one period, several, or `'all'`: in each of them or in none, in one atomic
     * step. Emits `reservation:created`, or `budget:denied`.
     */
    reserveTokens(orchestratorId: string, tokens: number, period?: BudgetPeriod | readonly BudgetPeriod[] | 'all', options?: ReserveOptions): Promise<ReservationResult>;
    /**
     * Ends a reservation and records what was really used, in all periods; 0 gives everything back.
     * Works from any process and, late, after the reservation expired. Emits
     * `reservation:released` and, when something was recorded, `usage:tracked`. While the store is
     * away it resolves when the usage is kept (`usage:spooled`); what the store refuses then is told by `error`.
     */
    releaseReservation(reservationId: string, actualUsed: number, attribution?: UsageAttribution): Promise<void>;
    /** Usage of the current window of one period. */
    getUsageStats(orchestratorId: string, period?: BudgetPeriod, options?: CheckOptions): Promise<UsageStats>;
    /** What was recorded in the current window, newest first. */
    getUsageHistory(orchestratorId: string, period?: BudgetPeriod, options?: HistoryOptions): Promise<UsageRecord[]>;
    /** Adds to the limit of one period until `expiresAt`. Emits `override:set` with its `id`. */
    setBudgetOverride(override: BudgetOverride): Promise<void>;
    /** Ends an override before its time; `false` when there was none. Emits `override:removed`. */
    removeOverride(orchestratorId: string, id: string): Promise<boolean>;
    /** The live overrides, soonest expiry first. */
    listOverrides(orchestratorId: string, period?: BudgetPeriod): Promise<StoredOverride[]>;
    /**
     * Replaces the limits of one orchestrator for every process, as a whole: a period left out is
     * unlimited. `null` returns to the configured ones. Emits `budget:set`.
     */
    setBudget(orchestratorId: string, budget: TokenBudget | null): Promise<void>;
    /** The limits in force, and where they come from. */
    getBudget(orchestratorId: string): Promise<BudgetInForce>;
    /** Reservations that hold tokens, soonest expiry first. */
    listReservations(orchestratorId: string, options?: ListReservationsOptions): Promise<TokenReservation[]>;
    /**
     * Lets thresholds that were crossed already be crossed anew. Without an orchestrator: of every
     * one this tracker has used, the latest 10,000 of them.
     */
    clearThresholdCache(orchestratorId?: string, period?: BudgetPeriod): Promise<void>;
    /** Whether the store answers. Never rejects; `false` after `close`. */
    healthCheck(): Promise<boolean>;
    /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
    ready(options?: ReadyOptions): Promise<void>;
    /**
     * Finishes what is pending and lets go of the store. A second call returns the same promise;
     * everything else rejects with `CLOSED` from now on.
     */
    close(options?: CloseOptions): Promise<void>;
    /** The same as {@link TokenBudgetTracker.close}. */
    disconnect(): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

export { TokenBudgetError, TokenBudgetTracker };
export type { BudgetCheck, BudgetConfig, BudgetDeniedEvent, BudgetInForce, BudgetKeys, BudgetOverride, BudgetPeriod, BudgetThresholdEvent, CheckOptions, CloseOptions, HistoryOptions, ListReservationsOptions, PeriodWindow, ReadyOptions, RedisNode, RedisOptions, RedisTlsOptions, ReservationResult, ReservationSettlement, ReserveOptions, StoredOverride, TokenBudget, TokenBudgetErrorCode, TokenParts, TokenReservation, TokenUsage, TrackerEventName, TrackerEvents, TrackerListener, UsageAttribution, UsageRecord, UsageStats };
