import { checkAnswer, deniedAnswer, grantedAnswer, settlementAnswer, statsAnswer } from '../answers';
import type { Amounts, CheckedUsage } from '../arguments';
import type { Settings } from '../config';
import { reservationNotFound, TokenBudgetError } from '../errors';
import { type Announcer, settledUsage } from '../events';
import { orchestratorOf } from '../identifiers';
import { type EmbeddedOperations, EmbeddedTracker } from '../native';
import type { PeriodIndex } from '../periods';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import type { Backend } from './backend';
import { ExpiryTimer } from './expiry-timer';
import { errorCode, Kind, numberAt, type VerbNumber } from './protocol';
import { tellDenied } from './without-store';

const NUMBERS_LENGTH = 64;
/** Where a frequent operation is told which texts come with it. */
const GIVEN = 62;
/** Where operations put their status. */
const STATUS = 63;
const EVENTS_WAIT = 1;

/** Texts that come with an operation, as bits. */
const Given = { orchestrator: 1, model: 2, session: 4, request: 8, metadata: 16 } as const;

type Event = [kind: number, ...fields: Array<number | string>];

/**
 * State in this process. Every call is answered at once, in the calling thread: its numbers are
 * written to `#numbers`, and the answer is read from there before any listener runs, since a
 * listener may call again.
 */
export class EmbeddedBackend implements Backend {
  readonly #numbers = new Float64Array(NUMBERS_LENGTH);
  readonly #native: EmbeddedTracker;
  readonly #operations: EmbeddedOperations;
  readonly #announcer: Announcer;
  readonly #now: () => number;
  readonly #record: boolean;
  readonly #timer: ExpiryTimer;
  /** What the addon has kept of the texts it was given. */
  #orchestratorId: string | undefined;
  #model: string | undefined;
  #sessionId: string | undefined;

  constructor(settings: Settings, announcer: Announcer) {
    this.#native = new EmbeddedTracker(settings.nativeConfig, this.#numbers);
    this.#operations = this.#native.operations();
    this.#announcer = announcer;
    this.#now = settings.now;
    this.#record = !settings.releaseOnly;
    this.#timer = new ExpiryTimer(settings.now, () => this.#sweep());
    for (const [id, limits] of settings.orchestratorBudgets) {
      this.#native.configureBudget(
        id,
        Float64Array.from(limits, limit => limit ?? NaN),
      );
    }
    // Of those before us, whose timers are gone.
    if (settings.store === 'disk') this.#timer.next(this.#native.nextExpiryMs());
  }

  check(
    orchestratorId: string,
    tokens: number,
    period: PeriodIndex,
    costMicros: number,
  ): Promise<BudgetCheck> {
    const now = this.#now();
    const numbers = this.#numbers;
    numbers[0] = now;
    numbers[1] = tokens;
    numbers[2] = period;
    if (orchestratorId === this.#orchestratorId) {
      numbers[GIVEN] = 0;
      this.#operations.check(orchestratorId);
    } else {
      this.#forgetTexts(Given.orchestrator);
      this.#operations.check(orchestratorId);
      this.#orchestratorId = orchestratorId;
    }
    const status = numberAt(numbers, STATUS);
    if (status < 0) throw this.#failure(status);
    const check = checkAnswer(numbers, 0, tokens, period, costMicros, this.#announcer.currency);
    if (status === EVENTS_WAIT) this.#announce();
    if (!check.allowed) {
      tellDenied(this.#announcer, orchestratorId, tokens, check, 'check', now);
    }
    return Promise.resolve(check);
  }

  reserve(
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    costMicros: number,
  ): Promise<ReservationResult> {
    const now = this.#now();
    const numbers = this.#numbers;
    numbers[0] = now;
    numbers[1] = tokens;
    numbers[2] = periods;
    numbers[3] = ttlMs;
    numbers[4] = costMicros;
    let id: string | undefined;
    if (orchestratorId === this.#orchestratorId) {
      numbers[GIVEN] = 0;
      id = this.#operations.reserve(orchestratorId);
    } else {
      this.#forgetTexts(Given.orchestrator);
      id = this.#operations.reserve(orchestratorId);
      this.#orchestratorId = orchestratorId;
    }
    const status = numberAt(numbers, STATUS);
    if (status < 0) throw this.#failure(status);
    if (id === undefined) {
      const denied = deniedAnswer(numbers, 0, tokens, false, costMicros, this.#announcer.currency);
      if (status === EVENTS_WAIT) this.#announce();
      tellDenied(this.#announcer, orchestratorId, tokens, denied, 'reserve', now);
      return Promise.resolve(denied);
    }
    const expiresAtMs = numberAt(numbers, 1);
    const { currency } = this.#announcer;
    const granted = grantedAnswer(numbers, 0, id, orchestratorId, tokens, periods, costMicros, currency);
    if (status === EVENTS_WAIT) this.#announce();
    this.#timer.atLatest(expiresAtMs, now);
    this.#announcer.emit('reservation:created', granted.reservation);
    return Promise.resolve(granted);
  }

  settle(reservationId: string, amounts: Amounts): Promise<void> {
    const now = this.#now();
    const numbers = this.#numbers;
    const { model, sessionId, requestId } = amounts;
    numbers[0] = now;
    numbers[1] = this.#record ? 1 : 0;
    this.#amounts(amounts);
    const given = this.#changed(model, sessionId) | (requestId === null ? 0 : Given.request);
    if (given === 0) numbers[GIVEN] = 0;
    else this.#forgetTexts(given);
    this.#operations.settle(reservationId, model, sessionId, requestId);
    this.#model = model;
    this.#sessionId = sessionId;
    const status = numberAt(numbers, STATUS);
    if (status < 0) throw this.#failure(status, reservationId);
    const settlement = settlementAnswer(numbers, 0, amounts.total, this.#announcer.currency);
    if (status === EVENTS_WAIT) this.#announce();
    this.#announcer.settled(reservationId, settlement, () =>
      settledUsage(orchestratorOf(reservationId), amounts, now, this.#announcer.currency, settlement),
    );
    return Promise.resolve();
  }

  track(usage: CheckedUsage): Promise<void> {
    const numbers = this.#numbers;
    const { orchestratorId, model, sessionId, requestId, metadata } = usage;
    numbers[0] = this.#now();
    numbers[1] = usage.timestampMs;
    this.#amounts(usage);
    const given =
      this.#changed(model, sessionId) |
      (orchestratorId === this.#orchestratorId ? 0 : Given.orchestrator) |
      (requestId === null ? 0 : Given.request) |
      (metadata === null ? 0 : Given.metadata);
    if (given === 0) numbers[GIVEN] = 0;
    else this.#forgetTexts(given);
    this.#operations.track(orchestratorId, model, sessionId, requestId, metadata);
    this.#orchestratorId = orchestratorId;
    this.#model = model;
    this.#sessionId = sessionId;
    const status = numberAt(numbers, STATUS);
    if (status < 0) throw this.#failure(status);
    const duplicate = numbers[0] === 1;
    if (status === EVENTS_WAIT) this.#announce();
    if (!duplicate) this.#announcer.tracked(usage.given);
    return Promise.resolve();
  }

  stats(orchestratorId: string, period: PeriodIndex): Promise<UsageStats> {
    const models = this.#native.stats(orchestratorId, period, this.#now());
    const status = numberAt(this.#numbers, STATUS);
    if (status < 0) throw this.#failure(status);
    const stats = statsAnswer(
      this.#numbers,
      0,
      JSON.parse(models) as string[],
      orchestratorId,
      period,
      this.#announcer.currency,
    );
    if (status === EVENTS_WAIT) this.#announce();
    return Promise.resolve(stats);
  }

  query(verb: VerbNumber, orchestratorId: string, argumentsJson: string): Promise<string> {
    this.#numbers[STATUS] = 0;
    const answer = this.#native.query(verb, orchestratorId, argumentsJson, this.#now());
    const status = numberAt(this.#numbers, STATUS);
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
    this.#timer.end();
    this.#native.close();
    return Promise.resolve();
  }

  #amounts(amounts: Amounts): void {
    const numbers = this.#numbers;
    numbers[2] = amounts.total;
    numbers[3] = amounts.prompt;
    numbers[4] = amounts.completion;
    numbers[5] = amounts.cacheRead;
    numbers[6] = amounts.cacheWrite;
    numbers[7] = amounts.reasoning;
    numbers[8] = amounts.costMicros;
  }

  #changed(model: string, sessionId: string): number {
    return (model === this.#model ? 0 : Given.model) | (sessionId === this.#sessionId ? 0 : Given.session);
  }

  /** Before texts are given: should the call fail, what the addon has kept is not known. */
  #forgetTexts(given: number): void {
    this.#numbers[GIVEN] = given;
    if ((given & Given.orchestrator) !== 0) this.#orchestratorId = undefined;
    if ((given & Given.model) !== 0) this.#model = undefined;
    if ((given & Given.session) !== 0) this.#sessionId = undefined;
  }

  #sweep(): void {
    try {
      if (this.#native.sweep(this.#now()) === EVENTS_WAIT) this.#announce();
      this.#timer.next(this.#native.nextExpiryMs());
    } catch (error) {
      // The clock is the caller's, and may work the next time.
      this.#timer.retry();
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
