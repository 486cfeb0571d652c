import { reasonOf as abortReasonOf, isAborted } from '../abort';
import { readOptions } from '../arguments';
import { EmbeddedLimiterBackend } from '../backend/embedded-limiter';
import type { RemoteLimiter } from '../backend/remote-limiter';
import type { StoredLimiter } from '../backend/storage/limiter';
import { asTokenBudgetError, closedError, TokenBudgetError } from '../errors';
import { toJson } from '../json';
import { type Provider, type ProviderSignals, readSignals } from '../providers';
import { Telling } from '../telling';
import { TypedEmitter } from '../typed-emitter';
import type { CloseOptions, ReadyOptions } from '../types/options';
import type {
  AcquireOptions,
  PermitSettlement,
  RateLimitConfig,
  RateLimitEvents,
  RateLimitForecast,
  RateLimitSession,
  RateLimitState,
  RateLimitStatus,
  RateLimits,
  RequestEstimate,
  RequestUsage,
  RequestVerdict,
} from '../types/rate-limit';
import * as check from '../validate';
import { Admissions } from './admissions';
import { readAgent, readRequest, readShare } from './arguments';
import type { LimiterBackend } from './backend';
import { type Batched, type BatchOptions, batch } from './batch';
import { type LimiterSettings, readLimiterConfig, readLimits } from './config';
import { Expectations } from './expectations';
import { InForce, unexpected } from './in-force';
import { LimiterMetrics, type LimiterMetricsSnapshot } from './metrics';
import { forecastOf } from './outlook';
import type { LimiterParts } from './parts';
import { Permit } from './permit';
import { permitIdPrefix } from './permit-id';
import { prometheusText } from './prometheus';
import { readState } from './saved-state';
import { Sessions } from './sessions';
import { Settlements } from './settlements';
import { limitsOf, statusOf } from './status';
import { PRIORITIES, type WireOutcome, type WireView } from './wire';

const CLOSE_TIMEOUT_MS = 5000;
const PERMIT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const OBSERVE_NAMES: ReadonlySet<string> = new Set(['provider', 'permit', 'sentAt']);
const PROVIDERS: readonly Provider[] = [
  'openai',
  'anthropic',
  'azure',
  'gemini',
  'github',
  'gitlab',
  'bitbucket',
  'ietf',
  'generic',
];

/**
 * Paces requests to a provider so that none of its limits is exceeded, for every process of a fleet at once.
 *
 * In no stretch of 60 seconds (a day, ...) is more admitted than a limit allows. Several limits are taken together
 * or not at all; a refusal consumes nothing. First come, first served within a priority. Methods that return a promise
 * never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const limiter = new RateLimitManager({ limits: { rpm: 50, itpm: 40_000, otpm: 8_000 } });
 * const permit = await limiter.acquire({ inputTokens: 1200, maxOutputTokens: 500 });
 * const response = await callModel();
 * await permit.settle({
 *   inputTokens: response.usage.input_tokens,
 *   outputTokens: response.usage.output_tokens,
 *   headers: response.headers,
 * });
 * ```
 */
export class RateLimitManager extends TypedEmitter<RateLimitEvents> {
  readonly #parts: LimiterParts;
  readonly #admissions: Admissions;
  readonly #settlements: Settlements;
  #closing: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(config: RateLimitConfig = {}) {
    super();
    const settings = readLimiterConfig(config);
    const telling = new Telling<RateLimitEvents>(this);
    const backend = openBackend(settings, telling);
    const onError = (error: unknown) => telling.emit('error', error);
    this.#parts = {
      settings,
      backend,
      prompt: backend.prompt,
      telling,
      metrics: new LimiterMetrics({ now: settings.now }),
      sessions: new Sessions(settings.now),
      expectations: new Expectations(settings.outputQuantile, backend, onError),
      inForce: new InForce(settings, backend, telling),
      idPrefix: permitIdPrefix(settings.clientId),
    };
    this.#settlements = new Settlements(this.#parts);
    this.#admissions = new Admissions(this.#parts, this.#settlements);
  }

  /** Whether a request could be made now. Consumes nothing: use `acquire` to be sure. */
  async canMakeRequest(estimate: RequestEstimate = {}): Promise<RequestVerdict> {
    this.#assertOpen();
    const request = readRequest(estimate);
    const operation = {
      is: 'check',
      with: {
        amounts: { requests: 1, ...this.#admissions.amounts(request) },
        priority: PRIORITIES[request.priority] ?? 'normal',
        agent: request.agent,
      },
    };
    const outcome = await this.#parts.backend.query(toJson(operation));
    if (outcome.is !== 'verdict') throw unexpected(outcome);
    return await this.#parts.inForce.verdict(outcome.with);
  }

  /**
   * Waits for its turn and holds the estimate. Rejects with `NEVER_FITS` when the request is larger than a limit,
   * with `RATE_LIMITED` after `maxWaitMs`, with `LINE_FULL`, or with the reason of `signal`; nothing is held then.
   */
  acquire(options: AcquireOptions = {}): Promise<Permit> {
    try {
      this.#assertOpen();
      const request = readRequest(options);
      if (isAborted(request.signal)) return Promise.reject(abortReasonOf(request.signal));
      return this.#admissions.acquire(request);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A permit when there is one at once, else the verdict. */
  async tryAcquire(
    options: RequestEstimate & { sessionId?: string } = {},
  ): Promise<{ permit: Permit; verdict: null } | { permit: null; verdict: RequestVerdict }> {
    this.#assertOpen();
    return await this.#admissions.tryAcquire(readRequest(options));
  }

  /**
   * Runs `fn` with a permit: settles it with the usage that `fn` returns, and when `fn` throws, with what the error
   * says about limits; the estimate stays counted then, for the request may have been made.
   */
  async run<T>(
    options: AcquireOptions,
    fn: (permit: Permit) => Promise<{ result: T; usage: RequestUsage }>,
  ): Promise<T> {
    this.#assertOpen();
    if (typeof fn !== 'function') throw check.invalid('fn', 'a function', fn);
    const permit = await this.acquire(options);
    let isSettling = false;
    try {
      const answer = check.object(await fn(permit), 'fn()');
      const { result, usage } = answer as { result: T; usage: RequestUsage };
      isSettling = true;
      if (!permit.isEnded) await permit.settle(usage);
      return result;
    } catch (error) {
      // A store that did not take the usage takes nothing else in its place.
      const isRefused = isSettling && asTokenBudgetError(error).code === 'STORE_UNAVAILABLE';
      if (!permit.isEnded && !isRefused) {
        const { inputTokens, outputTokens } = permit;
        const settled = permit.settle({ inputTokens, outputTokens, error });
        // What `fn` threw is what its caller has to hear of.
        await settled.catch(failure => this.#parts.telling.emit('error', failure));
      }
      throw error;
    }
  }

  /** Settles a permit of another process by its id. */
  async settle(permitId: string, usage: RequestUsage): Promise<PermitSettlement> {
    this.#assertOpen();
    return await this.#settlements.settleOther(readPermitId(permitId), usage);
  }

  /** Cancels a permit of another process by its id. `false`: the store does not know it. */
  async cancel(permitId: string): Promise<boolean> {
    this.#assertOpen();
    const isKnown = await this.#parts.backend.cancel(readPermitId(permitId));
    if (isKnown) this.#parts.metrics.cancelled();
    return isKnown;
  }

  /**
   * Learns from anything a provider answered with: a `Response`, headers, or the error its SDK threw. `permit`, or
   * `sentAt`, tells when the request left; without it the answer can only lower what is known to be left.
   */
  async observe(
    source: unknown,
    options: { provider?: Provider; permit?: Permit; sentAt?: Date } = {},
  ): Promise<ProviderSignals> {
    this.#assertOpen();
    const source_ = check.object(options, 'options');
    check.onlyNames(source_, 'options', OBSERVE_NAMES);
    const permit = check.own(source_, 'permit', 'options');
    if (permit !== undefined && !(permit instanceof Permit))
      throw check.invalid('options.permit', 'a permit', permit);
    const sentAt = check.own(source_, 'sentAt', 'options');
    const sentAtMs =
      permit?.grantedAtMs ?? (sentAt === undefined ? undefined : check.instant(sentAt, 'options.sentAt'));
    const signals = readSignals(source, providerOption(check.own(source_, 'provider', 'options')));
    const ageMs = sentAtMs === undefined ? undefined : Math.max(0, this.#parts.settings.now() - sentAtMs);
    await this.#settlements.observe(signals, ageMs);
    return signals;
  }

  /** The limits in force. */
  async getLimits(): Promise<RateLimits> {
    return limitsOf(await this.#view());
  }

  /** Replaces the limits for every process at once, as a whole; `null` returns to the configured ones. */
  async setLimits(limits: RateLimits | null): Promise<void> {
    this.#assertOpen();
    await this.#parts.inForce.set(limits === null ? null : readLimits(limits, 'limits'));
  }

  /**
   * Gives an agent a share of every limit, from 0 to 1; all shares together are at most 1. What an agent leaves
   * idle the others may use, in proportion to their shares. The share ends with the process that gave it; a
   * process that was only not heard of for `clientLease` gives it again by itself, and `store:warning` names what did
   * not fit any more. `false`: there is not so much left to give.
   */
  async allocate(agent: string, share: number): Promise<boolean> {
    this.#assertOpen();
    const sharePpm = readShare(share, 'share');
    return await this.#done({ is: 'allocate', with: { agent: readAgent(agent, 'agent'), sharePpm } });
  }

  /** Everything one agent has becomes another's: its share, what it used, its places in the line. */
  async handoff(from: string, to: string): Promise<boolean> {
    this.#assertOpen();
    return await this.#done({
      is: 'handoff',
      with: { from: readAgent(from, 'from'), to: readAgent(to, 'to') },
    });
  }

  /** Admits nothing for so many milliseconds, in every process. Default: the configured cooldown. */
  async pause(forMs?: number): Promise<void> {
    this.#assertOpen();
    const duration =
      forMs === undefined
        ? this.#parts.settings.cooldownMs
        : check.integer(forMs, 'forMs', 1, check.MAX_DURATION_MS);
    await this.#done({ is: 'pause', with: { forMs: duration } });
  }

  /** Ends every pause, and the backoff after refusals. */
  async resume(): Promise<void> {
    this.#assertOpen();
    await this.#done({ is: 'pause', with: { forMs: 0 } });
  }

  /** How far every limit is used, what the provider told, who waits. */
  async getStatus(): Promise<RateLimitStatus> {
    return statusOf(await this.#view());
  }

  /** When limits are used up if requests go on as they did, and the pace that avoids it. */
  async forecast(): Promise<RateLimitForecast> {
    return forecastOf(await this.#view());
  }

  /** What this process expects `model` to answer with: `undefined` until it answered often enough. */
  async estimateOutputTokens(model: string, maxOutputTokens?: number): Promise<number | undefined> {
    this.#assertOpen();
    const name = check.text(model, 'model', 256, 'well-formed');
    const max = maxOutputTokens === undefined ? undefined : check.count(maxOutputTokens, 'maxOutputTokens');
    return await this.#parts.expectations.outputTokensOfAll(name, max);
  }

  /** Combines small requests: `fn` gets up to `maxSize` items at once, at the latest after `maxWaitMs`. */
  batch<T, R>(fn: (items: T[]) => Promise<readonly R[]>, options: BatchOptions): Batched<T, R> {
    return batch(fn, options);
  }

  /** What each session of this process used. */
  getSessions(): RateLimitSession[] {
    return this.#parts.sessions.all();
  }

  /** Forgets a session and tells what it used. */
  endSession(sessionId: string): RateLimitSession | undefined {
    return this.#parts.sessions.end(check.text(sessionId, 'sessionId', 256, 'well-formed'));
  }

  /** Requests of the session wait for so many milliseconds. Default: the configured cooldown. */
  coolDownSession(sessionId: string, forMs?: number): void {
    this.#assertOpen();
    const id = check.text(sessionId, 'sessionId', 256, 'well-formed');
    const duration =
      forMs === undefined
        ? this.#parts.settings.cooldownMs
        : check.integer(forMs, 'forMs', 0, check.MAX_DURATION_MS);
    this.#parts.sessions.coolDown(id, duration);
  }

  /** Everything worth keeping, as JSON: for a store in memory that shall outlive its process. */
  async saveState(): Promise<RateLimitState> {
    const limiter = await this.#view();
    return {
      version: 1,
      name: this.#parts.settings.name,
      savedAt: new Date(this.#parts.settings.now()).toISOString(),
      limiter,
      sessions: this.#parts.sessions.save(),
      learned: await this.#parts.expectations.all(),
    };
  }

  /**
   * Takes up what `saveState` gave: checks it, leaves out what has expired, adds the rest. Counted is what is known
   * here or there, whichever is more. Rejects with `INVALID_ARGUMENT` when it is no such state; nothing changes then.
   */
  async restoreState(state: RateLimitState): Promise<void> {
    this.#assertOpen();
    const { limiter, sessions, learned } = readState(state, this.#parts.settings.name);
    await this.#ask({ is: 'restore', with: limiter });
    this.#parts.sessions.restore(sessions);
    await this.#parts.expectations.restore(learned);
  }

  /** What happened in this process since it began. */
  metrics(): LimiterMetricsSnapshot {
    return this.#parts.metrics.snapshot();
  }

  /** The same as Prometheus text. */
  prometheus(): string {
    return prometheusText(this.#parts.metrics.snapshot(), { labels: { limiter: this.#parts.settings.name } });
  }

  /** Whether the store answers. Never rejects; `false` after `close`. */
  async healthCheck(): Promise<boolean> {
    if (this.#closing !== undefined) return false;
    try {
      await this.#parts.backend.ping();
      return true;
    } catch {
      return false;
    }
  }

  /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
  async ready(options?: ReadyOptions): Promise<void> {
    this.#assertOpen();
    const { signal, duration } = readOptions(options, 'timeout', this.#parts.settings.connectTimeoutMs);
    if (isAborted(signal)) throw abortReasonOf(signal);
    await this.#parts.backend.ready(duration, signal);
  }

  /** Who waits is sent home with `CLOSED`; reports are delivered. A second call returns the same promise. */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing === undefined) {
      try {
        const { duration } = readOptions(options, 'timeout', CLOSE_TIMEOUT_MS);
        this.#admissions.close();
        // What was learned is on its way before the store is let go of, which is what delivers it.
        this.#parts.expectations.flush().catch(error => this.#parts.telling.emit('error', error));
        this.#closing = this.#parts.backend.close(duration);
      } catch (error) {
        return Promise.reject(asTokenBudgetError(error));
      }
    }
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #view(): Promise<WireView> {
    this.#assertOpen();
    return this.#parts.inForce.view();
  }

  async #done(operation: object): Promise<boolean> {
    const outcome = await this.#ask(operation);
    return outcome.is === 'done' && outcome.with;
  }

  #ask(operation: object): Promise<WireOutcome> {
    return this.#parts.backend.query(toJson(operation as Parameters<typeof toJson>[0]));
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError('limiter');
  }
}

function openBackend(settings: LimiterSettings, telling: Telling<RateLimitEvents>): LimiterBackend {
  try {
    if (settings.store === 'memory') return new EmbeddedLimiterBackend(settings, telling);
    if (settings.store === 'disk') return new (loadStoredLimiter())(settings, telling);
    return new (loadRemoteLimiter())(settings, telling);
  } catch (cause) {
    throw new TokenBudgetError('INVALID_CONFIG', asTokenBudgetError(cause).message, { cause });
  }
}

/** Loaded by whoever keeps state on disk. */
function loadStoredLimiter(): typeof StoredLimiter {
  return (require('../backend/storage/limiter') as typeof import('../backend/storage/limiter')).StoredLimiter;
}

/** Loaded by whoever has a store on Redis. */
function loadRemoteLimiter(): typeof RemoteLimiter {
  return (require('../backend/remote-limiter') as typeof import('../backend/remote-limiter')).RemoteLimiter;
}

function readPermitId(value: unknown): string {
  if (typeof value === 'string' && PERMIT_ID.test(value)) return value;
  throw check.invalid('permitId', 'the id of a permit', value);
}

function providerOption(value: unknown): { provider?: Provider } {
  return value === undefined ? {} : { provider: check.oneOf(value, 'options.provider', PROVIDERS) };
}
