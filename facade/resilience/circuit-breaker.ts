import { checkedSignal, isAborted, reasonOf } from '../abort';
import type { BreakerView } from '../backend/coordination';
import { openCoordination } from '../backend/open-coordination';
import { TokenBudgetError } from '../errors';
import { Telling } from '../telling';
import { durationAt } from '../timers/durations';
import { TypedEmitter } from '../typed-emitter';
import type { StoreEvents } from '../types/events';
import * as check from '../validate';
import { BreakerCore } from './breaker-core';
import { type BreakerSettings, readOptions } from './breaker-options';
import type {
  CallContext,
  CircuitBreakerEvents,
  CircuitBreakerOptions,
  CircuitBreakerSnapshot,
  CircuitState,
} from './breaker-types';
import { CircuitOpenError } from './circuit-open-error';
import { ResetTimer } from './reset-timer';
import { readSnapshot, retryAtOf, snapshotOf } from './snapshot';
import { DEFAULT_VERDICT, type Judged, resetInMs } from './verdict';

const CLOSE_TIMEOUT_MS = 5000;
const EXECUTE_NAMES: ReadonlySet<string> = new Set(['signal']);
const CLOSED_CALL: CallContext = Object.freeze({ signal: undefined, isProbe: false });
const EVENT_OF = { OPEN: 'open', HALF_OPEN: 'halfOpen', CLOSED: 'close' } as const;

/** Whether it was closed; not for callers. */
export let isClosed: (breaker: CircuitBreaker) => boolean;

type Call<T> = (context: CallContext) => PromiseLike<T> | T;

/**
 * Stops calling a service that fails. After `threshold` failures in a row it is OPEN and refuses calls at once, until
 * the provider said it will be back, or for `resetAfter`; then one call of all processes, the probe, finds out: it
 * closes the breaker, or opens it anew. On Redis all processes share one state, by the name of the service.
 *
 * Calls while it is closed cost no round trip; only failures are told, and successes that end them. While the store is
 * away each process goes on by itself, and nothing of the store is ever thrown by {@link CircuitBreaker.execute}.
 *
 * @example
 * ```ts
 * const breaker = new CircuitBreaker('openai', { threshold: 5, resetAfter: '5m' });
 * const answer = await breaker.execute(() => callOpenAI());
 * ```
 */
export class CircuitBreaker extends TypedEmitter<CircuitBreakerEvents> {
  readonly service: string;
  /** Failures in a row that open it; with sampling the share of failures. */
  readonly threshold: number;
  readonly #settings: BreakerSettings;
  readonly #core: BreakerCore;
  readonly #telling: Telling<CircuitBreakerEvents>;
  readonly #closeBackend: () => Promise<void>;
  /** Of a probe that {@link CircuitBreaker.allow} let through. */
  #holder: string | undefined;
  #closing: Promise<void> | undefined;

  static {
    isClosed = breaker => breaker.#closing !== undefined;
  }

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(service: string, options: CircuitBreakerOptions = {}) {
    super();
    const settings = readOptions(service, options);
    this.#settings = settings;
    this.service = settings.service;
    this.threshold = settings.threshold;
    const telling = new Telling<CircuitBreakerEvents>(this);
    this.#telling = telling;
    const { host, onExpire, policy } = settings;
    const backend =
      host?.backend ??
      openCoordination(
        settings.store,
        { timers: { keepEndedMs: 0, keepDeadMs: 0 }, listens: ['breaker'] },
        new StoreTelling(this, () => void this.#core.link.seek(true)),
      );
    this.#closeBackend = host === undefined ? () => backend.close(CLOSE_TIMEOUT_MS) : () => Promise.resolve();
    const onError = (error: unknown) => telling.emit('error', error);
    this.#core = new BreakerCore({
      service: settings.service,
      policy,
      backend,
      resetTimer:
        host === undefined || onExpire === undefined
          ? undefined
          : new ResetTimer({ service: settings.service, timers: host.timers, onExpire, onError }),
      onChange: (previous, view) => this.#tellChange(previous, view),
    });
  }

  /** As this process knows it. A breaker whose time is over is `OPEN` until somebody probes. */
  get state(): CircuitState {
    return this.#core.link.view.state;
  }

  /** Failures in a row (with sampling: of the window) of all processes, as far as this one knows. */
  get failures(): number {
    return this.#core.failures;
  }

  /** When a call is worth a try; `undefined` when it is closed, or open until it is reset by hand. */
  get retryAt(): Date | undefined {
    const { state, openUntilMs } = this.#core.link.view;
    return state === 'OPEN' ? retryAtOf(openUntilMs) : undefined;
  }

  /** Resolves when this process knows how the breaker stands in the store, or that the store is away. */
  async ready(): Promise<void> {
    this.#assertOpen();
    await this.#core.look();
  }

  /**
   * Calls `fn`, unless the breaker is open: then it rejects with a {@link CircuitOpenError} at once. What `fn` returns
   * or throws comes through as it is. `options.signal` is handed on to `fn`; a call that it ends tells nothing.
   */
  execute<T>(fn: Call<T>, options?: { signal?: AbortSignal }): Promise<T> {
    if (!this.#core.isClear || options !== undefined || typeof fn !== 'function') {
      return this.#carefully(fn, options);
    }
    let result: PromiseLike<T> | T;
    try {
      result = fn(CLOSED_CALL);
    } catch (error) {
      this.#judgeError(error, undefined, undefined);
      return Promise.reject(error);
    }
    if (result instanceof Promise) return result.then(this.#onResult, this.#onError) as Promise<T>;
    if (isThenable(result)) {
      return Promise.resolve(result).then(this.#onResult, this.#onError) as Promise<T>;
    }
    return Promise.resolve(this.#onResult(result) as T);
  }

  /**
   * For calls that are made elsewhere: whether one may be made now. After `true` say how it went with
   * {@link CircuitBreaker.onSuccess} or {@link CircuitBreaker.onFailure}: it may be the probe. What is said next is said
   * of it, so for calls that overlap {@link CircuitBreaker.execute} is better.
   */
  async allow(): Promise<boolean> {
    this.#assertOpen();
    const found = await this.#core.enter(undefined);
    if (found instanceof CircuitOpenError) return false;
    if (found !== undefined) this.#holder = found;
    return true;
  }

  /**
   * A call failed that was made elsewhere. `error`: what it failed with, which may tell when the service will be back.
   * Resolves when the store knows.
   */
  async onFailure(error?: unknown): Promise<void> {
    this.#assertOpen();
    await this.#failed(error, this.#takeHolder());
  }

  /** A call ended well that was made elsewhere. Resolves when the store knows, where it needs to. */
  async onSuccess(): Promise<void> {
    this.#assertOpen();
    await this.#succeeded(this.#takeHolder());
  }

  /** Opens it for `duration`, or for `resetAfter`. Rejects when the store is away. */
  async trip(duration?: number | string): Promise<void> {
    this.#assertOpen();
    const { resetAfterMs } = this.#settings.policy;
    const forMs = duration === undefined ? resetAfterMs : durationAt(duration, 'duration', 1);
    await this.#core.command({ is: 'force', with: { state: 'OPEN', forMs } });
  }

  /** Opens it until {@link CircuitBreaker.reset}. Rejects when the store is away. */
  async isolate(): Promise<void> {
    this.#assertOpen();
    await this.#core.command({ is: 'force', with: { state: 'OPEN', forMs: null } });
  }

  /** Closes it and forgets its failures. Rejects when the store is away. */
  async reset(): Promise<void> {
    this.#assertOpen();
    await this.#core.command({ is: 'force', with: { state: 'CLOSED', forMs: null } });
  }

  /** What is known of it, as plain JSON for {@link CircuitBreaker.restore}. */
  async export(): Promise<CircuitBreakerSnapshot> {
    this.#assertOpen();
    const { view } = await this.#core.link.ask({ is: 'view' });
    return snapshotOf(this.service, view);
  }

  /**
   * Takes over what {@link CircuitBreaker.export} returned, for all processes. What is over by now has ended, and it
   * stays open for `maxResetAfter` from now at most. Rejects when the store is away.
   */
  async restore(snapshot: CircuitBreakerSnapshot): Promise<void> {
    this.#assertOpen();
    await this.#core.command({ is: 'restore', with: { view: readSnapshot(snapshot) } });
  }

  /**
   * Lets go of its store. Calls under way end as they would and tell nothing any more; everything else rejects with
   * `CLOSED`. The state stays as it is, for the other processes.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#core.end();
    await this.#closeBackend();
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new TokenBudgetError('CLOSED', `close() was called on the circuit breaker of ${this.service}`);
  }

  /** What `execute` does where it has to look. */
  async #carefully<T>(fn: Call<T>, options: unknown): Promise<T> {
    if (typeof fn !== 'function') throw check.invalid('fn', 'a function', fn);
    const signal = readSignal(options);
    this.#assertOpen();
    if (isAborted(signal)) throw reasonOf(signal);
    const found = await this.#core.enter(signal);
    if (found instanceof CircuitOpenError) {
      this.#telling.emit('rejected', { service: this.service, retryAt: found.retryAt });
      throw found;
    }
    if (isAborted(signal)) {
      if (found !== undefined) void this.#core.toldNothing(found);
      throw reasonOf(signal);
    }
    let result: T;
    try {
      result = await fn({ signal, isProbe: found !== undefined });
    } catch (error) {
      this.#judgeError(error, found, signal);
      throw error;
    }
    this.#judgeResult(result, found);
    return result;
  }

  // Made once, so that a call makes no function of its own.
  readonly #onResult = (result: unknown): unknown => {
    this.#judgeResult(result, undefined);
    return result;
  };

  readonly #onError = (error: unknown): never => {
    this.#judgeError(error, undefined, undefined);
    throw error;
  };

  #judgeResult(result: unknown, holder: string | undefined): void {
    let judged: Judged;
    try {
      judged = this.#settings.verdict.ofResult(result);
    } catch (thrown) {
      this.#telling.emit('error', thrown);
      judged = DEFAULT_VERDICT.ofResult(result);
    }
    if (judged === 'failure') void this.#failed(result, holder);
    else void this.#succeeded(holder);
  }

  #judgeError(error: unknown, holder: string | undefined, signal: AbortSignal | undefined): void {
    let judged: Judged;
    try {
      judged = this.#settings.verdict.ofError(error, signal);
    } catch (thrown) {
      this.#telling.emit('error', thrown);
      judged = DEFAULT_VERDICT.ofError(error, signal);
    }
    if (judged === 'failure') void this.#failed(error, holder);
    else if (judged === 'success') void this.#succeeded(holder);
    else if (holder !== undefined) void this.#core.toldNothing(holder);
  }

  #succeeded(holder: string | undefined): Promise<void> | undefined {
    const told = this.#core.succeeded(holder);
    if (this.#telling.reaches('success')) {
      this.#telling.emit('success', { service: this.service, isProbe: holder !== undefined });
    }
    return told;
  }

  #failed(error: unknown, holder: string | undefined): Promise<void> | undefined {
    this.#telling.emit('failure', { service: this.service, isProbe: holder !== undefined, error });
    return this.#core.failed(holder, error === undefined ? null : resetInMs(error));
  }

  #takeHolder(): string | undefined {
    const holder = this.#holder;
    this.#holder = undefined;
    return holder;
  }

  #tellChange(previous: BreakerView, { state, failures, openUntilMs }: BreakerView): void {
    const event = {
      service: this.service,
      state,
      previous: previous.state,
      failures: state === 'CLOSED' ? previous.failures : failures,
      retryAt: state === 'OPEN' ? retryAtOf(openUntilMs) : undefined,
    };
    this.#telling.emit(EVENT_OF[state], event);
    try {
      this.#settings.onStateChange?.(state, previous.state, event);
    } catch (thrown) {
      this.#telling.emit('error', thrown);
    }
  }
}

/** Tells of a store that is the breaker's own, and hears when it is there. */
class StoreTelling extends Telling<StoreEvents> {
  readonly #onConnected: () => void;

  constructor(breaker: CircuitBreaker, onConnected: () => void) {
    super(breaker);
    this.#onConnected = onConnected;
  }

  override emit<E extends keyof StoreEvents & string>(name: E, ...args: StoreEvents[E] & unknown[]): void {
    if (name === 'store:connected') this.#onConnected();
    Reflect.apply(super.emit, this, [name, ...args]);
  }
}

function readSignal(options: unknown): AbortSignal | undefined {
  if (options === undefined) return undefined;
  const source = check.object(options, 'options');
  check.onlyNames(source, 'options', EXECUTE_NAMES);
  const signal = check.own(source, 'signal', 'options');
  return signal === undefined ? undefined : checkedSignal(signal);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
