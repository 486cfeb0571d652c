import { isAborted, reasonOf, signalOf } from '../abort';
import type { Closing } from '../credentials/closing';
import { integer, invalid, object, onlyNames, own } from '../validate';
import { type Defaults, idAt, readChange, readFilter, readTimer } from './arguments';
import { applyChange } from './change';
import { cursorOf, placeOf } from './cursors';
import { type BudgetResetOptions, budgetReset } from './patterns/budget-reset';
import { type DailyResetOptions, dailyReset } from './patterns/daily-reset';
import { fromRateLimit, type RateLimitTimerOptions } from './patterns/from-rate-limit';
import { type OffPeakOptions, type OffPeakOutcome, offPeak } from './patterns/off-peak';
import { type RetryTimerOptions, retry } from './patterns/retry';
import { shardOfDelivery } from './shards';
import type { TimerStore } from './store';
import type {
  OnExpire,
  Timer,
  TimerChange,
  TimerDelivery,
  TimerFilter,
  TimerInput,
  TimerPage,
} from './types';
import { deliveryOf, newTimerOf, timerOf } from './views';
import { timerNotFound, type Waits } from './waits';

/** What can end a call before its answer comes. */
export interface TimerCallOptions {
  signal?: AbortSignal;
}

/** How many are wanted. */
export interface TimerListOptions extends TimerCallOptions {
  /** 1 to 10,000. Default 1,000. */
  limit?: number;
}

const CALL_NAMES: ReadonlySet<string> = new Set<keyof TimerCallOptions>(['signal']);
const LIST_NAMES: ReadonlySet<string> = new Set<keyof TimerListOptions>(['limit', 'signal']);
const LIST_MAX = 10_000;
/** Pages of the store that one page of a list looks through. */
const LOOKS_MAX = 20;

/** What timers work with; not for callers. */
export interface TimerParts {
  store: TimerStore;
  waits: Waits;
  closing: Closing;
  defaults: Defaults;
}

/** Makes it, and gives the patterns what they work with; not for callers. */
export let timerService: (parts: TimerParts) => TimerService;
export let partsOfTimers: (timers: TimerService) => TimerParts;

/**
 * Timers that outlive their process: `coordinator.timers`.
 *
 * @example
 * ```ts
 * const timer = await minoots.timers.create({ name: 'Resume', duration: '5m' });
 * console.log(timer.endTime, timer.timeRemaining);
 * await minoots.timers.waitFor(timer.id);
 * ```
 */
export class TimerService {
  readonly #parts: TimerParts;

  static {
    timerService = parts => new TimerService(parts);
    partsOfTimers = timers => timers.#parts;
  }

  private constructor(parts: TimerParts) {
    this.#parts = parts;
  }

  /**
   * Makes a timer. With an `id` it is made once, however often and by however many processes it is asked for; the
   * answer is that one timer, which may have fired since. Another timer under a known id rejects with
   * `REQUEST_CONFLICT`.
   */
  async create(timer: TimerInput, options: TimerCallOptions = {}): Promise<Timer> {
    const { store, defaults } = this.#parts;
    const spec = readTimer(timer, defaults);
    const signal = this.#signal(options);
    this.#assertOpen(signal);
    const { due } = spec;
    const {
      timer: made,
      isNew,
      nowMs,
    } = due === undefined
      ? await store.create(spec, undefined, signal)
      : // Made by the thousand: one asynchronous function less.
        store.made(await store.begin(spec, due, undefined, signal), spec);
    return isNew ? newTimerOf(made, nowMs, spec) : timerOf(made, nowMs);
  }

  /** `undefined`: there is none, or it has ended longer ago than `keepFinished`. */
  async get(id: string, options: TimerCallOptions = {}): Promise<Timer | undefined> {
    const wanted = idAt(id, 'id');
    return this.#during(options, async signal => {
      const { timer, nowMs } = await this.#parts.store.get(wanted, signal);
      return timer === null ? undefined : timerOf(timer, nowMs);
    });
  }

  /** Timers by id, in parts. */
  async list(filter: TimerFilter = {}): Promise<TimerPage> {
    const { store } = this.#parts;
    const { limit, cursor, status, name, owner } = readFilter(filter);
    const place =
      cursor === undefined ? { shard: 0, after: '' } : placeOf(cursor, store.shards, 'filter.cursor');
    return this.#duringSignal(signalOf(filter), async signal => {
      const found: Timer[] = [];
      for (let looks = 0; place.shard < store.shards; looks += 1) {
        if (found.length >= limit || looks >= LOOKS_MAX) return { timers: found, cursor: cursorOf(place) };
        const { outcome, nowMs } = await store.ask(
          place.shard,
          {
            is: 'list',
            with: {
              status: status ?? null,
              name: name ?? null,
              owner: owner ?? null,
              after: place.after,
              limit: limit - found.length,
            },
          },
          'timers',
          signal,
        );
        for (const timer of outcome.with.timers) found.push(timerOf(timer, nowMs));
        place.after = outcome.with.next;
        if (place.after === '') place.shard += 1;
      }
      return { timers: found };
    });
  }

  /** Every timer that matches, page by page. */
  async *listAll(filter: Omit<TimerFilter, 'cursor'> = {}): AsyncGenerator<Timer, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: TimerPage = await this.list(cursor === undefined ? filter : { ...filter, cursor });
      yield* page.timers;
      ({ cursor } = page);
    } while (cursor !== undefined);
  }

  /**
   * Ends a scheduled timer; `false` when there is none. One that fires at this moment does what is due all the same.
   */
  async cancel(id: string, options: TimerCallOptions = {}): Promise<boolean> {
    const wanted = idAt(id, 'id');
    return this.#during(options, async signal => {
      const timer = await this.#parts.store.cancel(wanted, signal);
      if (timer !== null) this.#parts.waits.changed(wanted);
      return timer !== null;
    });
  }

  /** Changes a scheduled timer. Rejects with `TIMER_NOT_FOUND` when there is none, or it has ended. */
  async update(id: string, change: TimerChange, options: TimerCallOptions = {}): Promise<Timer> {
    const { store, defaults, waits } = this.#parts;
    const wanted = idAt(id, 'id');
    const spec = readChange(change, defaults);
    return this.#during(options, async signal => {
      const { timer, nowMs } = await applyChange(store, wanted, spec, signal);
      if (timer === null) throw timerNotFound(wanted);
      waits.changed(wanted);
      return timerOf(timer, nowMs);
    });
  }

  /**
   * Resolves with the timer when it fires next, at once when it has fired for the last time. Rejects with
   * `TIMER_NOT_FOUND` or `TIMER_CANCELLED`, or with the reason of `signal`. Keeps the process alive, and waits while
   * the store is away.
   */
  async waitFor(id: string, options: TimerCallOptions = {}): Promise<Timer> {
    const wanted = idAt(id, 'id');
    const signal = this.#signal(options);
    return this.#parts.closing.during(signal, either => this.#parts.waits.until(wanted, either));
  }

  /** Webhooks that were given up. */
  async deadLetters(options: TimerListOptions = {}): Promise<TimerDelivery[]> {
    return this.#deliveries(true, options);
  }

  /** Webhooks under way. */
  async deliveries(options: TimerListOptions = {}): Promise<TimerDelivery[]> {
    return this.#deliveries(false, options);
  }

  /** Sends a webhook that was given up anew, at once, with its id; `false` when there is none. */
  async redeliver(deliveryId: string, options: TimerCallOptions = {}): Promise<boolean> {
    return this.#dead('redeliver', deliveryId, options);
  }

  /** Forgets a webhook that was given up; `false` when there is none. */
  async discard(deliveryId: string, options: TimerCallOptions = {}): Promise<boolean> {
    return this.#dead('discard', deliveryId, options);
  }

  /** The addresses that answered 410, and that nothing is sent to. */
  async endpoints(options: TimerCallOptions = {}): Promise<string[]> {
    return this.#during(options, signal => this.#parts.store.endpoints(signal));
  }

  /** Webhooks go to this address again; `false` when they did. Those given up meanwhile stay so: `redeliver` them. */
  async enableEndpoint(webhook: string, options: TimerCallOptions = {}): Promise<boolean> {
    if (typeof webhook !== 'string' || !URL.canParse(webhook)) {
      throw invalid('webhook', 'an address', undefined);
    }
    return this.#during(options, signal => this.#parts.store.enable(new URL(webhook).href, signal));
  }

  /**
   * A timer for when a provider lets requests through again, from its response, headers or error; `undefined` when it
   * refused none. Processes that hear of one reset make one timer. Of a `Response` that refuses, a copy of the body is
   * read, up to 64 KiB in 2 s, unless it was read before.
   *
   * @example
   * ```ts
   * const response = await fetch('https://api.github.com/user/repos');
   * await minoots.timers.fromRateLimit(response, { webhook: 'https://your-app.com/resume-github-ops' });
   * ```
   */
  async fromRateLimit(
    source: unknown,
    on_expire?: OnExpire,
    options: RateLimitTimerOptions = {},
  ): Promise<Timer | undefined> {
    return this.#pattern(options, signal => fromRateLimit(this.#parts, source, on_expire, options, signal));
  }

  /** A timer for the next midnight when less than `floor` (10,000) tokens of the day are left; `undefined` before. */
  async dailyReset(options: DailyResetOptions): Promise<Timer | undefined> {
    return this.#pattern(options, signal => dailyReset(this.#parts, options, signal));
  }

  /**
   * A timer for the next attempt, after 1 s, 2 s, 4 s and so on, at most 30 s. `attempt`: how many there were, from 0
   * on; rejects with `Max retry attempts exceeded` (`RETRIES_EXHAUSTED`) from `maxAttempts` (5) on.
   */
  async retry(attempt: number, options: RetryTimerOptions = {}): Promise<Timer> {
    return this.#pattern(options, signal => retry(this.#parts, attempt, options, signal));
  }

  /**
   * A timer for the next midnight when 80 % (`at`) of a daily budget is used; `undefined` before. See also
   * `coordinator.watchBudgets`, which needs no call.
   */
  async budgetReset(
    service: string,
    tokensUsed: number,
    dailyBudget: number,
    options: BudgetResetOptions = {},
  ): Promise<Timer | undefined> {
    return this.#pattern(options, signal =>
      budgetReset(this.#parts, service, tokensUsed, dailyBudget, options, signal),
    );
  }

  /**
   * Runs an operation (`execute`) when it is off-peak now, 02:00 to 08:00 unless told otherwise, or when it cannot wait
   * (`emergencyFloor`, `runAnywayWhen`); else makes a timer for the next opening that brings the operation as `data`.
   *
   * @example
   * ```ts
   * await minoots.timers.offPeak(operation, {
   *   execute: executeOperation,
   *   on_expire: { webhook: 'https://your-app.com/execute-off-peak' },
   * });
   * ```
   */
  async offPeak<O, R = never>(operation: O, options: OffPeakOptions<O, R> = {}): Promise<OffPeakOutcome<R>> {
    return this.#pattern(options, signal => offPeak(this.#parts, operation, options, signal));
  }

  #pattern<T>(options: unknown, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    return this.#duringSignal(signalOf(object(options, 'options')), run);
  }

  async #deliveries(dead: boolean, options: TimerListOptions): Promise<TimerDelivery[]> {
    onlyNames(object(options, 'options'), 'options', LIST_NAMES);
    const given = own(options, 'limit', 'options');
    const limit = given === undefined ? 1000 : integer(given, 'options.limit', 1, LIST_MAX);
    return this.#duringSignal(signalOf(options), async signal => {
      const found: TimerDelivery[] = [];
      for await (const delivery of this.#parts.store.deliveries(dead, limit, signal)) {
        found.push(deliveryOf(delivery));
        if (found.length === limit) break;
      }
      return found;
    });
  }

  async #dead(
    verb: 'redeliver' | 'discard',
    deliveryId: unknown,
    options: TimerCallOptions,
  ): Promise<boolean> {
    const { store } = this.#parts;
    if (typeof deliveryId !== 'string') throw invalid('deliveryId', 'a string', deliveryId);
    const shard = shardOfDelivery(deliveryId, store.shards);
    return this.#during(options, async signal => {
      if (shard === undefined) return false;
      const operation = { is: verb, with: { id: deliveryId } };
      return (await store.ask(shard, operation, 'done', signal)).outcome.with;
    });
  }

  #during<T>(options: unknown, run: (signal: AbortSignal | undefined) => Promise<T>): Promise<T> {
    return this.#duringSignal(this.#signal(options), run);
  }

  #signal(options: unknown): AbortSignal | undefined {
    const given = object(options, 'options');
    onlyNames(given, 'options', CALL_NAMES);
    return signalOf(given);
  }

  /** What is under way when the coordinator is closed is answered before the store is let go of. */
  #duringSignal<T>(
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    this.#assertOpen(signal);
    return run(signal);
  }

  #assertOpen(signal: AbortSignal | undefined): void {
    this.#parts.closing.throwIfClosed();
    if (isAborted(signal)) throw reasonOf(signal);
  }
}
