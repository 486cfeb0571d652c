import { checkAnswer, deniedAnswer, grantedAnswer, settlementAnswer, statsAnswer } from '../answers';
import type { Amounts, CheckedUsage } from '../arguments';
import type { Settings } from '../config';
import { reservationNotFound, TokenBudgetError } from '../errors';
import { type Announcer, settledUsage } from '../events';
import { orchestratorOf } from '../identifiers';
import { EmbeddedTracker } from '../native';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { Backend } from './backend';
import { ExpiryTimer } from './expiry-timer';
import { errorCode, Kind, numberAt, type VerbNumber } from './protocol';

const OUT_LENGTH = 64;
/** Where calls that return a text put their status. */
const STATUS = 63;
const EVENTS_WAIT = 1;

type Event = [kind: number, ...fields: Array<number | string>];

/**
 * State in this process. Every call is answered at once, in the calling thread: the answer is read
 * from `#out` before any listener runs, since a listener may call again.
 */
export class EmbeddedBackend implements Backend {
  readonly #out = new Float64Array(OUT_LENGTH);
  readonly #native: EmbeddedTracker;
  readonly #announcer: Announcer;
  readonly #now: () => number;
  readonly #record: boolean;
  readonly #timer: ExpiryTimer;

  constructor(settings: Settings, announcer: Announcer) {
    this.#native = new EmbeddedTracker(settings.nativeConfig, this.#out);
    this.#announcer = announcer;
    this.#now = settings.now;
    this.#record = !settings.releaseOnly;
    this.#timer = new ExpiryTimer(settings.now, () => this.#sweep());
    for (const [id, [hourly, daily, monthly]] of settings.orchestratorBudgets) {
      this.#native.configureBudget(id, hourly ?? NaN, daily ?? NaN, monthly ?? NaN);
    }
  }

  check(orchestratorId: string, tokens: number, period: PeriodIndex): Promise<BudgetCheck> {
    const now = this.#now();
    const status = this.#native.check(orchestratorId, tokens, period, now);
    if (status < 0) throw this.#failure(status);
    const check = checkAnswer(this.#out, 0, tokens, period);
    if (status === EVENTS_WAIT) this.#announce();
    if (check.wouldExceed) {
      this.#announcer.denied({
        orchestratorId,
        period: check.period,
        tokens,
        available: check.available ?? 0,
        limit: check.limit,
        timestamp: new Date(now),
        source: 'check',
      });
    }
    return Promise.resolve(check);
  }

  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
  ): Promise<ReservationResult> {
    const now = this.#now();
    const out = this.#out;
    const id = this.#native.reserve(orchestratorId, tokens, periods, ttlMs, now);
    const status = numberAt(out, STATUS);
    if (status < 0) throw this.#failure(status);
    if (id === null) {
      const denied = deniedAnswer(out, 0, tokens, false);
      if (status === EVENTS_WAIT) this.#announce();
      const { period, available, limit } = denied;
      this.#announcer.denied({
        orchestratorId,
        period,
        tokens,
        available,
        limit,
        timestamp: new Date(now),
        source: 'reserve',
      });
      return Promise.resolve(denied);
    }
    const expiresAtMs = numberAt(out, 1);
    const granted = grantedAnswer(out, 0, id, orchestratorId, tokens, periods);
    if (status === EVENTS_WAIT) this.#announce();
    this.#timer.atLatest(expiresAtMs, now);
    this.#announcer.emit('reservation:created', granted.reservation);
    return Promise.resolve(granted);
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    const now = this.#now();
    const status = this.#native.settle(
      reservationId,
      this.#record,
      amounts.total,
      amounts.prompt,
      amounts.completion,
      amounts.cacheRead,
      amounts.cacheWrite,
      amounts.reasoning,
      amounts.model,
      amounts.sessionId,
      amounts.requestId,
      now,
    );
    if (status < 0) throw this.#failure(status, reservationId);
    const settlement = settlementAnswer(this.#out, 0, amounts.total);
    if (status === EVENTS_WAIT) this.#announce();
    this.#announcer.settled(reservationId, settlement, () =>
      settledUsage(orchestratorOf(reservationId), amounts, now),
    );
    return Promise.resolve();
  }

  track(usage: CheckedUsage): Promise<void> {
    const status = this.#native.track(
      usage.orchestratorId,
      usage.total,
      usage.prompt,
      usage.completion,
      usage.cacheRead,
      usage.cacheWrite,
      usage.reasoning,
      usage.timestampMs,
      usage.model,
      usage.sessionId,
      usage.requestId,
      usage.metadata,
      this.#now(),
    );
    if (status < 0) throw this.#failure(status);
    const duplicate = this.#out[0] === 1;
    if (status === EVENTS_WAIT) this.#announce();
    if (!duplicate) this.#announcer.emit('usage:tracked', usage.given);
    return Promise.resolve();
  }

  stats(orchestratorId: string, period: PeriodIndex): Promise<UsageStats> {
    const models = this.#native.stats(orchestratorId, period, this.#now());
    const status = numberAt(this.#out, STATUS);
    if (status < 0) throw this.#failure(status);
    const stats = statsAnswer(this.#out, 0, JSON.parse(models) as string[], orchestratorId, period);
    if (status === EVENTS_WAIT) this.#announce();
    return Promise.resolve(stats);
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    this.#out[STATUS] = 0;
    const answer = this.#native.query(verb, orchestratorId, argumentsJson, this.#now());
    const status = numberAt(this.#out, STATUS);
    if (status < 0) throw this.#failure(status);
    if (status === EVENTS_WAIT) this.#announce();
    return Promise.resolve(answer);
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#timer.clear();
    this.#native.close();
    return Promise.resolve();
  }

  #sweep(): void {
    try {
      if (this.#native.sweep(this.#now()) === EVENTS_WAIT) this.#announce();
      this.#timer.next(this.#native.nextExpiryMs());
    } catch (error) {
      this.#announcer.emit('error', error);
    }
  }

  #announce(): void {
    for (const [kind, ...fields] of JSON.parse(this.#native.takeEvents()) as Event[]) {
      if (kind === Kind.threshold)
        this.#announcer.threshold(...(fields as Parameters<Announcer['threshold']>));
      else if (kind === Kind.expired)
        this.#announcer.expired(...(fields as Parameters<Announcer['expired']>));
    }
  }

  /** What a failed call found expired is told all the same. */
  #failure(status: number, reservationId?: string): TokenBudgetError {
    const code = errorCode(-status);
    const message = this.#native.lastError();
    this.#announce();
    if (reservationId !== undefined && code === 'RESERVATION_NOT_FOUND')
      return reservationNotFound(reservationId);
    return new TokenBudgetError(code, message === '' ? `The store answered ${code}` : message);
  }
}
