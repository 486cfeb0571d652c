import type { StoreSettings } from '../config/store';
import { closedError } from '../errors';
import { toJson } from '../json';
import type { Telling } from '../telling';
import type { StoreEvents } from '../types/events';
import { Call } from './calls';
import { Channel } from './channel';
import type {
  BreakerAnswer,
  BreakerOperation,
  BreakerOutcome,
  BreakerPolicy,
  CoordinationBackend,
  CoordinationNews,
  CoordinationOptions,
  TimerOperation,
  TimerOutcome,
  TimersAnswer,
  WireNewTimer,
  WireTimer,
} from './coordination';
import type { InboxRecord } from './inbox';
import { NewsListeners } from './news';
import { Kind } from './protocol';
import { failure } from './remote-calls';
import { StoreClock } from './store-clock';

/** Breakers whose policy is remembered as told. Who has more tells some of them again. */
const TOLD_MAX = 10_000;

/** Timers and circuit breakers on Redis. */
export class RemoteCoordination implements CoordinationBackend {
  readonly #channel: Channel;
  readonly #news = new NewsListeners();
  /** The policy each breaker was told last. */
  readonly #told = new Map<string, BreakerPolicy>();
  readonly #clock = new StoreClock();
  #isClosed = false;

  constructor(
    settings: StoreSettings,
    { timers, listens = [] }: CoordinationOptions,
    telling: Telling<StoreEvents>,
  ) {
    const { keepEndedMs, keepDeadMs } = timers;
    const coordination = { timers: { keepEndedMs, keepDeadMs }, listens: [...listens] };
    this.#channel = new Channel({
      nativeConfig: toJson({ ...settings.native, coordination }),
      maxPending: settings.maxPending,
      telling,
      onEvent: record => this.#hear(record),
    });
  }

  timers(shard: string, operation: TimerOperation, signal?: AbortSignal): Promise<TimersAnswer> {
    return operation.is === 'create'
      ? this.#createTimer(shard, operation.with, signal)
      : this.#askTimers(shard, operation, signal);
  }

  /** Timers are made by the thousand: no JSON, and no promise beside the one of the call. */
  #createTimer(shard: string, timer: WireNewTimer, signal?: AbortSignal): Promise<TimersAnswer> {
    try {
      if (this.#isClosed) throw closedError('store');
      const promise = this.#channel.begin(new TimerCall(this.#clock, timer), signal);
      this.#channel.outbox.timerCreate(this.#channel.last, shard, timer);
      return promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #askTimers(shard: string, operation: TimerOperation, signal?: AbortSignal): Promise<TimersAnswer> {
    if (this.#isClosed) throw closedError('store');
    const promise = this.#channel.begin(new TimerCall(this.#clock, undefined), signal);
    this.#channel.outbox.timerQuery(this.#channel.last, shard, toJson(operation));
    // `undefined`: the report is kept until the store is back.
    const answer: TimersAnswer | undefined = await promise;
    return answer ?? { outcome: undefined, nowMs: this.now(), nextDueMs: null };
  }

  async breaker(
    name: string,
    policy: BreakerPolicy,
    operation: BreakerOperation,
    signal?: AbortSignal,
  ): Promise<BreakerAnswer> {
    if (this.#isClosed) throw closedError('store');
    const promise = this.#channel.begin(new BreakerCall(now => this.#clock.learn(now)), signal);
    this.#tell(name, policy);
    this.#channel.outbox.breakerQuery(this.#channel.last, name, toJson(operation));
    const answer: BreakerAnswer | undefined = await promise;
    return answer ?? { outcome: undefined, nowMs: this.now() };
  }

  onNews(listener: (...news: CoordinationNews) => void): () => void {
    return this.#news.add(listener);
  }

  now(): number {
    return this.#clock.now();
  }

  ping(): Promise<void> {
    return this.#channel.ping();
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#channel.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    return this.#channel.close(timeoutMs);
  }

  /** Sees to it that the tracker knows the policy of a breaker. */
  #tell(name: string, policy: BreakerPolicy): void {
    if (this.#told.get(name) === policy) return;
    this.#channel.outbox.breakerConfigure(name, toJson({ ...policy }));
    if (this.#told.size >= TOLD_MAX) this.#told.clear();
    this.#told.set(name, policy);
  }

  #hear(record: InboxRecord): void {
    if (record.kind === Kind.due) {
      const dueMs = record.number(0);
      this.#news.tell('due', record.string(1), dueMs);
    } else if (record.kind === Kind.message) {
      this.#news.tell('expired', record.string(0));
    } else if (record.kind === Kind.breaker) {
      const name = record.string(0);
      this.#news.tell('breaker', name, record.string(1));
    } else if (record.kind === Kind.listening) {
      this.#news.tell('listening');
    }
  }
}

class TimerCall extends Call<TimersAnswer> {
  readonly clock: StoreClock;
  /** The one that is to be made. */
  readonly timer: WireNewTimer | undefined;

  constructor(clock: StoreClock, timer: WireNewTimer | undefined) {
    super();
    this.clock = clock;
    this.timer = timer;
  }

  finish(record: InboxRecord): TimersAnswer {
    const isNew = record.kind === Kind.timerCreated;
    if (!isNew && record.kind !== Kind.answer) throw failure(record);
    const nowMs = record.number(1);
    const nextDueMs = record.number(2);
    this.clock.learn(nowMs);
    const outcome = isNew
      ? created(this.timer, record.number(0), nowMs)
      : (JSON.parse(record.string(0)) as TimerOutcome);
    return { outcome, nowMs, nextDueMs: nextDueMs < 0 ? null : nextDueMs };
  }
}

/** A new timer, as it was asked for. */
function created(asked: WireNewTimer | undefined, fireAtMs: number, createdAtMs: number): TimerOutcome {
  if (asked === undefined) throw new Error('unexpected answer: no timer was to be made');
  const { id, name, owner, documentJson, recurrenceJson, nonce, fingerprint } = asked;
  const timer: WireTimer = {
    id,
    name,
    owner,
    documentJson,
    recurrenceJson,
    nonce,
    fingerprint,
    status: 'scheduled',
    createdAtMs,
    startedAtMs: createdAtMs,
    fireAtMs,
    occurrence: 0,
    endedAtMs: 0,
    holder: '',
    claimedUntilMs: 0,
  };
  return { is: 'created', with: { timer, isNew: true } };
}

class BreakerCall extends Call<BreakerAnswer> {
  readonly learn: (storeNowMs: number) => void;

  constructor(learn: (storeNowMs: number) => void) {
    super();
    this.learn = learn;
  }

  finish(record: InboxRecord): BreakerAnswer {
    if (record.kind !== Kind.answer) throw failure(record);
    const nowMs = record.number(1);
    this.learn(nowMs);
    return { outcome: JSON.parse(record.string(0)) as BreakerOutcome, nowMs };
  }
}
