import { readOptions as readCallOptions } from '../arguments';
import type { CoordinationBackend, CoordinationNews } from '../backend/coordination';
import { openCoordination } from '../backend/open-coordination';
import { Closing } from '../credentials/closing';
import { closedError } from '../errors';
import type { CircuitBreaker, CircuitBreakerOptions } from '../resilience';
import { type BreakerHost, registerBreakerHost } from '../resilience/host';
import { Announcer } from '../timers/announcer';
import { readOnExpire } from '../timers/arguments';
import { isRecord, parsed } from '../timers/document';
import { Driver } from '../timers/driver';
import { type TimerParts, type TimerService, timerService } from '../timers/service';
import { TimerStore } from '../timers/store';
import type { CoordinatorEvents, TimerExpiredEvent } from '../timers/types';
import { Waits } from '../timers/waits';
import type { TokenBudgetTracker } from '../tracker';
import { TypedEmitter } from '../typed-emitter';
import type { CloseOptions, ReadyOptions } from '../types/options';
import { uuid } from '../uuid';
import { Breakers } from './breakers';
import { type CoordinatorOptions, type CoordinatorSettings, readOptions } from './options';
import { BudgetWatch, type WatchBudgetsOptions } from './watch-budgets';
import { Webhooks } from './webhooks';

const CLOSE_TIMEOUT_MS = 5000;
/** So often a process looks for what others have made, should it not hear of it. */
const IDLE_MS = 1000;
/** So often a wait looks for what others have changed. */
const WAIT_IDLE_MS = 5000;

/**
 * Durable timers and circuit breakers, for every process that shares a store.
 *
 * Without listeners and webhooks a timer can still be waited for. An open coordinator never keeps the process alive.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({ redis: { url: 'redis://localhost:6379' } });
 * minoots.on('timer:expired', ({ name, data }) => console.log(name, data));
 * await minoots.timers.create({ name: 'Resume', duration: '5m', events: { on_expire: { data: { job: 7 } } } });
 * ```
 */
export class TokenCoordinator extends TypedEmitter<CoordinatorEvents> {
  readonly timers: TimerService;
  readonly #settings: CoordinatorSettings;
  readonly #backend: CoordinationBackend;
  readonly #announcer: Announcer;
  readonly #parts: TimerParts;
  readonly #webhooks: Webhooks;
  /** Who claims; and who tells others of what has fired. */
  readonly #holder = uuid();
  readonly #driver: Driver | undefined;
  readonly #end = new Closing('coordinator');
  readonly #unlisten: () => void;
  readonly #watches = new Set<BudgetWatch>();
  readonly #breakers = new Breakers(this);
  #closing: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(options: CoordinatorOptions = {}) {
    super();
    const settings = readOptions(options);
    this.#settings = settings;
    this.#announcer = new Announcer(this);
    this.#webhooks = new Webhooks(settings.webhooks);
    const { keepEndedMs, keepDeadMs } = settings;
    this.#backend = openCoordination(
      settings.store,
      { timers: { keepEndedMs, keepDeadMs }, listens: ['due', 'expired', 'breaker'] },
      this.#announcer,
    );
    const store = new TimerStore(this.#backend, settings.shards);
    const waits = new Waits(store, settings.isAlone ? Infinity : WAIT_IDLE_MS);
    if (!settings.isAlone) waits.onChanged = id => this.#tellChanged(store, id);
    this.#parts = {
      store,
      waits,
      closing: this.#end,
      defaults: {
        owner: settings.owner,
        timeZone: settings.timeZone,
        checkWebhook: (url, at) => this.#webhooks.check(url, at),
      },
    };
    this.timers = timerService(this.#parts);
    registerBreakerHost(this, this.#breakerHost());
    if (settings.run) this.#driver = this.#drive(store, waits);
    this.#unlisten = this.#backend.onNews((...news) => this.#hear(news));
  }

  /**
   * A circuit breaker whose state all processes share. Asked again, without options or with equal ones, it is the same
   * object; with other options it throws `REQUEST_CONFLICT` until that one is closed. Functions are equal when they are
   * the same.
   *
   * @example
   * ```ts
   * const breaker = minoots.circuitBreaker('openai', { threshold: 5, resetAfter: '5m' });
   * const answer = await breaker.execute(() => callOpenAI());
   * ```
   */
  circuitBreaker(service: string, options?: Omit<CircuitBreakerOptions, 'coordinator'>): CircuitBreaker {
    if (this.#closing !== undefined) throw closedError('coordinator');
    return this.#breakers.of(service, options);
  }

  /**
   * Makes a timer for the end of the day (or hour, or month) as soon as 80 % of a budget of a tracker is used, for
   * each orchestrator, once in all processes. Returns what ends it. The usage is read when this tracker has recorded some
   * or tells of the threshold, at once for the orchestrators it knows, and every 30 s for what other processes use.
   *
   * @example
   * ```ts
   * minoots.watchBudgets(tracker, { on_expire: { webhook: 'https://your-app.com/reset-budget' } });
   * ```
   */
  watchBudgets(tracker: TokenBudgetTracker, options: WatchBudgetsOptions = {}): () => void {
    if (this.#closing !== undefined) throw closedError('coordinator');
    const watch = new BudgetWatch(this.#parts, this.#announcer, tracker, options);
    this.#watches.add(watch);
    return () => {
      watch.stop();
      this.#watches.delete(watch);
    };
  }

  /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
  async ready(options?: ReadyOptions): Promise<void> {
    const { signal, duration } = readCallOptions(options, 'timeout', this.#settings.connectTimeoutMs);
    await this.#end.during(signal, either => this.#backend.ready(duration, either));
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

  /**
   * Fires nothing more, ends what waits with `CLOSED`, gives listeners and webhooks under way up to `timeout` (default
   * 5,000 ms), returns what is left to the other processes and lets go of the store. A second call returns the same
   * promise; everything else rejects with `CLOSED`.
   */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      const { duration } = readCallOptions(options, 'timeout', CLOSE_TIMEOUT_MS);
      this.#closing = this.#close(duration);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const beganMs = performance.now();
    const leftMs = () => Math.max(0, Math.floor(timeoutMs - (performance.now() - beganMs)));
    this.#end.begin();
    this.#unlisten();
    for (const watch of this.#watches) watch.stop();
    await this.#driver?.close(leftMs());
    await this.#breakers.close();
    await this.#webhooks.close();
    await this.#backend.close(leftMs());
  }

  /** What circuit breakers are lent. */
  #breakerHost(): BreakerHost {
    const isClosed = () => this.#closing !== undefined;
    return {
      backend: this.#backend,
      timers: {
        // A Date, for an injected clock may count from anywhere.
        create: ({ fireAt, ...timer }) => this.timers.create({ ...timer, fireAt: new Date(fireAt) }),
        cancel: id => this.timers.cancel(id),
        scheduled: name => this.timers.listAll({ name, status: 'scheduled' }),
      },
      checkOnExpire: (value, at) => void readOnExpire(value, this.#parts.defaults, at),
      get isClosed() {
        return isClosed();
      },
    };
  }

  #drive(store: TimerStore, waits: Waits): Driver {
    const { concurrency, isAlone } = this.#settings;
    const driver = new Driver({
      store,
      holder: this.#holder,
      announcer: this.#announcer,
      onFired: id => waits.told(id),
      sender: () => this.#webhooks.sender(),
      concurrency,
      idleMs: isAlone ? Infinity : IDLE_MS,
    });
    store.onDue = (shard, dueMs) => driver.due(shard, dueMs);
    // What was due while nobody ran. A timer that is private to this object has none.
    if (!isAlone) driver.wake();
    this.#announcer.onConnected = () => driver.wake();
    return driver;
  }

  #hear(news: CoordinationNews): void {
    if (news[0] === 'due') {
      const shard = Number(news[1]);
      if (Number.isSafeInteger(shard)) this.#driver?.due(shard, news[2]);
    } else if (news[0] === 'expired') {
      this.#hearExpired(news[1]);
    } else if (news[0] === 'listening') {
      this.#driver?.wake();
    }
  }

  /** Who waits for a timer in another process looks at it. Should that fail, it does so by itself, later. */
  #tellChanged(store: TimerStore, id: string): void {
    const message = JSON.stringify({ from: this.#holder, changed: id });
    store.tell(store.shardOf(id), { is: 'broadcast', with: { message } }).catch(() => {});
  }

  /** A timer that another process fired or changed, and that everybody is told of. */
  #hearExpired(message: string): void {
    const found = parsed(message);
    if (found?.from === this.#holder) return;
    if (typeof found?.changed === 'string') this.#parts.waits.told(found.changed);
    const event = found?.event;
    if (!isRecord(event)) return;
    const { scheduledFor, firedAt } = event;
    const told = {
      ...event,
      scheduledFor: new Date(String(scheduledFor)),
      firedAt: new Date(String(firedAt)),
    } as unknown as TimerExpiredEvent;
    void this.#announcer.expired(told);
    this.#parts.waits.told(told.id);
  }
}

/**
 * Opens a coordinator: durable timers, webhooks and circuit breakers.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({ redis: { url: process.env.REDIS_URL! } });
 * ```
 */
export function createTokenCoordinator(options: CoordinatorOptions = {}): TokenCoordinator {
  return new TokenCoordinator(options);
}
