import { isAborted, reasonOf, signalOf } from './abort';
import {
  hasCost,
  overrideId,
  readAttribution,
  readBudget,
  readCost,
  readOptions,
  readOverride,
  readPage,
  readPause,
  readPeriods,
  readUsage,
} from './arguments';
import type { Backend } from './backend/backend';
import { EmbeddedBackend } from './backend/embedded';
import { Verb, type VerbNumber } from './backend/protocol';
import type { RemoteBackend } from './backend/remote';
import type { StoredBackend } from './backend/storage/budgets';
import { readConfig, type Settings } from './config';
import { asTokenBudgetError, closedError, reservationNotFound, TokenBudgetError } from './errors';
import { Announcer } from './events';
import { RESERVATION_ID_MAX_LENGTH } from './identifiers';
import { toJson } from './json';
import { Orchestrators } from './orchestrators';
import type { PeriodIndex } from './periods';
import { Pricing } from './pricing';
import * as queries from './queries';
import { TypedEmitter } from './typed-emitter';
import type { BudgetCheck, BudgetInForce, BudgetPeriod, TokenBudget } from './types/budget';
import type { BudgetConfig } from './types/config';
import type { TrackerEvents } from './types/events';
import type {
  CheckOptions,
  CloseOptions,
  HistoryOptions,
  ListReservationsOptions,
  ReadyOptions,
  ReserveOptions,
} from './types/options';
import type { BudgetOverride, StoredOverride } from './types/override';
import type { OrchestratorPause, PauseOptions } from './types/pause';
import type { ReservationResult, TokenReservation } from './types/reservation';
import type { TokenUsage, UsageAttribution, UsageRecord, UsageStats } from './types/usage';
import * as check from './validate';

const CLOSE_TIMEOUT_MS = 5000;
/** The thresholds a tracker tells of; not for callers. */
export let thresholdsOf: (tracker: TokenBudgetTracker) => readonly number[];
/** The orchestrators it was asked about lately; not for callers. */
export let orchestratorsOf: (tracker: TokenBudgetTracker) => string[];

/** How many orchestrators `clearThresholdCache` asks for at once. */
const CLEAR_BATCH = 500;

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
export class TokenBudgetTracker extends TypedEmitter<TrackerEvents> {
  readonly #settings: Settings;
  readonly #backend: Backend;
  readonly #announcer: Announcer;
  readonly #orchestrators = new Orchestrators();
  readonly #pricing: Pricing;
  #closing: Promise<void> | undefined;

  static {
    thresholdsOf = tracker => tracker.#settings.thresholds;
    orchestratorsOf = tracker => tracker.#orchestrators.all();
  }

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(config: BudgetConfig = {}) {
    super();
    this.#settings = readConfig(config);
    this.#announcer = new Announcer(this, this.#settings.money.terms.currency);
    this.#pricing = new Pricing(this.#settings, this.#announcer);
    try {
      this.#backend = openBackend(this.#settings, this.#announcer);
    } catch (cause) {
      throw new TokenBudgetError('INVALID_CONFIG', asTokenBudgetError(cause).message, { cause });
    }
  }

  /** Records tokens that are gone, whatever the limit. Emits `usage:tracked`. */
  trackUsage(usage: TokenUsage): Promise<void> {
    try {
      this.#assertOpen();
      const checked = readUsage(usage, this.#settings.money.terms);
      this.#pricing.price(checked);
      this.#orchestrators.add(checked.orchestratorId);
      return this.#backend.track(checked);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Whether `estimatedTokens` would fit now. Holds nothing: use `reserveTokens` to be sure. */
  checkBudget(
    orchestratorId: string,
    estimatedTokens: number,
    period: BudgetPeriod = 'hourly',
    options?: CheckOptions,
  ): Promise<BudgetCheck> {
    try {
      this.#assertOpen();
      const id = this.#orchestrator(orchestratorId);
      const tokens = check.count(estimatedTokens, 'estimatedTokens');
      const index = check.period(period, 'period');
      const signal = options === undefined ? undefined : signalOf(check.object(options, 'options'));
      const cost = this.#pricing.estimate(id, tokens, readCost(options, this.#settings.money.terms));
      if (isAborted(signal)) return Promise.reject(reasonOf(signal));
      return this.#backend.check(id, tokens, index, cost, signal);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Holds tokens in one period, several, or `'all'`: in each of them or in none, in one atomic
   * step. Emits `reservation:created`, or `budget:denied`.
   */
  reserveTokens(
    orchestratorId: string,
    tokens: number,
    period: BudgetPeriod | readonly BudgetPeriod[] | 'all' = 'hourly',
    options?: ReserveOptions,
  ): Promise<ReservationResult> {
    try {
      this.#assertOpen();
      const id = this.#orchestrator(orchestratorId);
      const amount = check.count(tokens, 'tokens');
      const periods = readPeriods(period);
      const { signal, duration } = readOptions(options, 'ttl', this.#settings.reservationTtlMs);
      const asked = readCost(options, this.#settings.money.terms);
      const cost = this.#pricing.estimate(id, amount, asked);
      if (isAborted(signal)) return Promise.reject(reasonOf(signal));
      const reserved = this.#backend.reserve(id, amount, periods, duration, cost, signal);
      return asked.model === null ? reserved : this.#pricing.remember(reserved, asked.model);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Ends a reservation and records what was really used, in all periods; 0 gives everything back.
   * Works from any process and, late, after the reservation expired. Emits
   * `reservation:released` and, when something was recorded, `usage:tracked`. While the store is
   * away it resolves when the usage is kept (`usage:spooled`); what the store refuses then is told by `error`.
   */
  releaseReservation(
    reservationId: string,
    actualUsed: number,
    attribution?: UsageAttribution,
  ): Promise<void> {
    try {
      this.#assertOpen();
      if (typeof reservationId !== 'string') throw check.invalid('reservationId', 'a string', reservationId);
      const { terms } = this.#settings.money;
      const amounts = readAttribution(attribution, check.count(actualUsed, 'actualUsed'), terms);
      if (reservationId.length > RESERVATION_ID_MAX_LENGTH) throw reservationNotFound(reservationId);
      this.#pricing.priceSettled(reservationId, amounts);
      return this.#pricing.forget(reservationId, this.#backend.settle(reservationId, amounts));
    } catch (error) {
      return rejected(error);
    }
  }

  /** Usage of the current window of one period. */
  getUsageStats(
    orchestratorId: string,
    period: BudgetPeriod = 'hourly',
    options?: CheckOptions,
  ): Promise<UsageStats> {
    try {
      this.#assertOpen();
      const id = this.#orchestrator(orchestratorId);
      const index = check.period(period, 'period');
      const signal = options === undefined ? undefined : signalOf(check.object(options, 'options'));
      if (isAborted(signal)) return Promise.reject(reasonOf(signal));
      return this.#backend.stats(id, index, signal);
    } catch (error) {
      return rejected(error);
    }
  }

  /** What was recorded in the current window, newest first. */
  async getUsageHistory(
    orchestratorId: string,
    period: BudgetPeriod = 'hourly',
    options?: HistoryOptions,
  ): Promise<UsageRecord[]> {
    const id = this.#ask(orchestratorId);
    const index = check.period(period, 'period');
    const { offset, limit } = readPage(options);
    const json = await this.#query(Verb.history, id, { period: index, offset, limit });
    return queries.history(json, id, this.#currency);
  }

  /** Adds to the limit of one period until `expiresAt`. Emits `override:set` with its `id`. */
  async setBudgetOverride(override: BudgetOverride): Promise<void> {
    this.#assertOpen();
    if (!this.#settings.enableOverrides) {
      throw new TokenBudgetError('OVERRIDES_DISABLED', 'Budget overrides are disabled');
    }
    const checked = readOverride(override, this.#settings.money.terms);
    this.#orchestrators.add(checked.orchestratorId);
    await this.#send(
      Verb.setOverride,
      checked.orchestratorId,
      queries.overrideArguments(checked, this.#currency),
    );
    this.#announcer.emit('override:set', queries.storedOverride(checked, this.#currency));
  }

  /** Ends an override before its time; `false` when there was none. Emits `override:removed`. */
  async removeOverride(orchestratorId: string, id: string): Promise<boolean> {
    const owner = this.#ask(orchestratorId);
    const given = overrideId(id, 'id');
    const answer = JSON.parse(await this.#query(Verb.removeOverride, owner, { id: given })) as {
      removed: boolean;
    };
    if (answer.removed) this.#announcer.emit('override:removed', { orchestratorId: owner, id: given });
    return answer.removed;
  }

  /** The live overrides, soonest expiry first. */
  async listOverrides(orchestratorId: string, period?: BudgetPeriod): Promise<StoredOverride[]> {
    const id = this.#ask(orchestratorId);
    const index = optionalPeriod(period);
    return queries.overrides(
      await this.#query(Verb.listOverrides, id, { period: index }),
      id,
      this.#currency,
    );
  }

  /**
   * Replaces the limits of one orchestrator for every process, as a whole: a period left out is
   * unlimited. `null` returns to the configured ones. Emits `budget:set`.
   */
  async setBudget(orchestratorId: string, budget: TokenBudget | null): Promise<void> {
    const id = this.#ask(orchestratorId);
    const limits = budget === null ? null : readBudget(budget, 'budget', this.#settings.money.terms);
    await this.#query(Verb.setBudget, id, { budget: limits });
    this.#pricing.budgeted(id, limits !== null && hasCost(limits), limits === null);
    this.#announcer.emit('budget:set', {
      orchestratorId: id,
      budget: limits === null ? null : queries.budgetOf(limits, this.#currency),
    });
  }

  /** The limits in force, and where they come from. */
  async getBudget(orchestratorId: string): Promise<BudgetInForce> {
    return queries.budgetInForce(
      await this.#query(Verb.getBudget, this.#ask(orchestratorId), {}),
      this.#currency,
    );
  }

  /**
   * Grants nothing to an orchestrator until `until`, or until it is resumed, in every process: `checkBudget` answers
   * `allowed: false`, `reserveTokens` `success: false`, both with `paused: true`. What is held stays held, what is used
   * is recorded. Replaces an earlier pause. Emits `orchestrator:paused`.
   *
   * @example
   * ```ts
   * await tracker.pauseOrchestrator('team-a', { reason: 'Runaway loop', until: new Date(Date.now() + 600_000) });
   * ```
   */
  async pauseOrchestrator(orchestratorId: string, options?: PauseOptions): Promise<void> {
    const id = this.#ask(orchestratorId);
    const json = await this.#send(Verb.pause, id, queries.pauseArguments(readPause(options)));
    const pause = queries.pause(json, id);
    if (pause !== null) this.#announcer.emit('orchestrator:paused', pause);
  }

  /** Ends a pause; `false` when there was none. Emits `orchestrator:resumed`. */
  async resumeOrchestrator(orchestratorId: string): Promise<boolean> {
    const id = this.#ask(orchestratorId);
    const { resumed } = JSON.parse(await this.#query(Verb.resume, id, {})) as { resumed: boolean };
    if (resumed) this.#announcer.emit('orchestrator:resumed', { orchestratorId: id });
    return resumed;
  }

  /** The pause in force; `null` when there is none. */
  async getPause(orchestratorId: string): Promise<OrchestratorPause | null> {
    const id = this.#ask(orchestratorId);
    return queries.pause(await this.#query(Verb.getPause, id, {}), id);
  }

  /** Reservations that hold tokens, soonest expiry first. */
  async listReservations(
    orchestratorId: string,
    options?: ListReservationsOptions,
  ): Promise<TokenReservation[]> {
    const id = this.#ask(orchestratorId);
    const { period, offset, limit } = readPage(options);
    const json = await this.#query(Verb.listReservations, id, { period, offset, limit });
    return queries.reservations(json, id, this.#currency);
  }

  /**
   * Lets thresholds that were crossed already be crossed anew. Without an orchestrator: of every
   * one this tracker has used, the latest 10,000 of them.
   */
  async clearThresholdCache(orchestratorId?: string, period?: BudgetPeriod): Promise<void> {
    this.#assertOpen();
    const ids =
      orchestratorId === undefined ? this.#orchestrators.all() : [this.#orchestrator(orchestratorId)];
    const index = optionalPeriod(period);
    for (let from = 0; from < ids.length; from += CLEAR_BATCH) {
      const batch = ids.slice(from, from + CLEAR_BATCH);
      await Promise.all(batch.map(id => this.#query(Verb.clearThresholds, id, { period: index })));
    }
  }

  /** Whether the store answers. Never rejects; `false` after `close`. */
  async healthCheck(): Promise<boolean> {
    if (this.#closing !== undefined) return false;
    try {
      await this.#backend.ping();
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
  ready(options?: ReadyOptions): Promise<void> {
    try {
      this.#assertOpen();
      const { signal, duration } = readOptions(options, 'timeout', this.#settings.connectTimeoutMs);
      if (isAborted(signal)) return Promise.reject(reasonOf(signal));
      return this.#backend.ready(duration, signal);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Finishes what is pending and lets go of the store. A second call returns the same promise;
   * everything else rejects with `CLOSED` from now on.
   */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      const { duration } = readOptions(options, 'timeout', CLOSE_TIMEOUT_MS);
      this.#closing = this.#backend.close(duration);
    } catch (error) {
      if (error instanceof TokenBudgetError && error.code === 'INVALID_ARGUMENT') return rejected(error);
      this.#closing = rejected(error);
    }
    return this.#closing;
  }

  /** The same as {@link TokenBudgetTracker.close}. */
  disconnect(): Promise<void> {
    return this.close();
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #currency(): string {
    return this.#settings.money.terms.currency;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #orchestrator(value: unknown): string {
    const id = check.orchestrator(value, 'orchestratorId');
    this.#orchestrators.add(id);
    return id;
  }

  #ask(orchestratorId: unknown): string {
    this.#assertOpen();
    return this.#orchestrator(orchestratorId);
  }

  #query(verb: VerbNumber, id: string, args: Parameters<typeof toJson>[0]): Promise<string> {
    return this.#send(verb, id, toJson(args));
  }

  #send(verb: VerbNumber, id: string, argumentsJson: string): Promise<string> {
    try {
      return this.#backend.query(verb, id, argumentsJson);
    } catch (error) {
      return rejected(error);
    }
  }
}

function openBackend(settings: Settings, announcer: Announcer): Backend {
  if (settings.store === 'memory') return new EmbeddedBackend(settings, announcer);
  if (settings.store === 'disk') return new (loadStoredBackend())(settings, announcer);
  return new (loadRemoteBackend())(settings, announcer);
}

/** Loaded by whoever keeps state on disk. */
function loadStoredBackend(): typeof StoredBackend {
  return (require('./backend/storage/budgets') as typeof import('./backend/storage/budgets')).StoredBackend;
}

/** Loaded by whoever has a store on Redis. */
function loadRemoteBackend(): typeof RemoteBackend {
  return (require('./backend/remote') as typeof import('./backend/remote')).RemoteBackend;
}

function optionalPeriod(period: unknown): PeriodIndex | null {
  return period === undefined ? null : check.period(period, 'period');
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(asTokenBudgetError(error));
}
