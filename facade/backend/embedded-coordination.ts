import { isAborted, reasonOf } from '../abort';
import type { StoreSettings } from '../config/store';
import { closedError, TokenBudgetError, type TokenBudgetErrorCode } from '../errors';
import { toJson } from '../json';
import { EmbeddedCoordination as NativeCoordination } from '../native';
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
} from './coordination';
import { type NewsListeners, newsOf } from './news';

/** What the addon answers to an array of operations. */
interface Answers<O> {
  nowMs: number;
  outcomes: Array<{ ok: O } | { error: { code: TokenBudgetErrorCode; message: string } }>;
  nextDueMs?: number | null;
}

/** Timers and circuit breakers in this process: answers at once. */
export class EmbeddedCoordination implements CoordinationBackend {
  readonly #native: NativeCoordination;
  readonly #timersPolicyJson: string;
  readonly #news: NewsListeners;
  readonly #now: () => number;
  #isClosed = false;

  constructor(settings: StoreSettings, { timers }: CoordinationOptions) {
    this.#native = new NativeCoordination(toJson(settings.native));
    this.#news = newsOf(settings.native.memoryName);
    const { keepEndedMs, keepDeadMs } = timers;
    this.#timersPolicyJson = toJson({ keepEndedMs, keepDeadMs });
    this.#now = settings.now;
  }

  async timers(shard: string, operation: TimerOperation, signal?: AbortSignal): Promise<TimersAnswer> {
    if (this.#isClosed) throw closedError('store');
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    const operationsJson = toJson([operation]);
    const json = this.#native.timers(shard, this.#timersPolicyJson, operationsJson, this.#now());
    const answers = JSON.parse(json) as Answers<TimerOutcome>;
    return {
      outcome: only(answers),
      nowMs: answers.nowMs,
      nextDueMs: answers.nextDueMs ?? null,
    };
  }

  async breaker(
    name: string,
    policy: BreakerPolicy,
    operation: BreakerOperation,
    signal?: AbortSignal,
  ): Promise<BreakerAnswer> {
    if (this.#isClosed) throw closedError('store');
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    return { outcome: this.breakerNow(name, policy, operation), nowMs: this.#now() };
  }

  breakerNow(name: string, policy: BreakerPolicy, operation: BreakerOperation): BreakerOutcome {
    const json = this.#native.breakers(name, toJson({ ...policy }), toJson([operation]), this.#now());
    const outcome = only(JSON.parse(json) as Answers<BreakerOutcome>);
    const { view } = outcome;
    // Whoever else has this breaker in this thread; those of other threads hear of it when they ask.
    if (operation.is !== 'view' && view.version > 0) this.#news.tell('breaker', name, JSON.stringify(view));
    return outcome;
  }

  onNews(listener: (...news: CoordinationNews) => void): () => void {
    return this.#news.add(listener);
  }

  now(): number {
    return this.#now();
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#native.close();
    return Promise.resolve();
  }
}

/** The outcome of the one operation that was asked for. */
function only<O>({ outcomes: [first] }: Answers<O>): O {
  if (first === undefined) throw new Error('no outcome');
  if ('ok' in first) return first.ok;
  throw new TokenBudgetError(first.error.code, first.error.message);
}
