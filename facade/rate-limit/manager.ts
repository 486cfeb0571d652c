import { isDeepStrictEqual } from 'node:util';
import { reasonOf as abortReasonOf, isAborted } from '../abort';
import { readOptions } from '../arguments';
import { EmbeddedLimiterBackend } from '../backend/embedded-limiter';
import type { RemoteLimiter } from '../backend/remote-limiter';
import { asTokenBudgetError, closedError, TokenBudgetError } from '../errors';
import { toJson } from '../json';
import { type Provider, type ProviderSignals, readSignals } from '../providers';
import { Telling } from '../telling';
import type { CloseOptions, ReadyOptions } from '../types/options';
import type {
  AcquireOptions,
  PermitSettlement,
  RateLimitConfig,
  RateLimitEvents,
  RateLimitForecast,
  RateLimitName,
  RateLimitSession,
  RateLimitState,
  RateLimitStatus,
  RateLimits,
  RequestEstimate,
  RequestUsage,
  RequestVerdict,
} from '../types/rate-limit';
import * as check from '../validate';
import { type CheckedRequest, readAgent, readRequest, readShare, readUsage } from './arguments';
import { isGrant, type LimiterBackend, type PromptBackend, type PromptGrant } from './backend';
import { type Batched, type BatchOptions, batch } from './batch';
import { type LimiterSettings, readLimiterConfig, readLimits, ruleNames, termsOf } from './config';
import { LimiterEmitter } from './emitter';
import { Expectations } from './expectations';
import { LimiterMetrics, type LimiterMetricsSnapshot } from './metrics';
import { forecastOf } from './outlook';
import { Patience, pauseFor } from './patience';
import { Permit, type PermitIssuer } from './permit';
import { permitId, permitIdPrefix } from './permit-id';
import { prometheusText } from './prometheus';
import { readState } from './saved-state';
import { Sessions } from './sessions';
import { limitsOf, statusOf, verdictOf } from './status';
import { Watch } from './watch';
import {
  PRIORITIES,
  type WireGrant,
  type WireOutcome,
  type WireVerdict,
  type WireView,
  wireSignals,
} from './wire';

const CLOSE_TIMEOUT_MS = 5000;
const PERMIT_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** Whose limits are of an hour, not of a minute. */
const HOURLY: ReadonlySet<Provider> = new Set(['github', 'bitbucket']);
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
 * or not at all; a refusal consumes nothing. First come, first served within a priority. Methods never throw: what
 * is wrong with their arguments rejects with a `TokenBudgetError`.
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
export class RateLimitManager extends LimiterEmitter {
  readonly #settings: LimiterSettings;
  readonly #backend: LimiterBackend;
  /** The backend, where it answers at once: no promise is made on the way then. */
  readonly #prompt: PromptBackend | undefined;
  readonly #telling: Telling<RateLimitEvents>;
  readonly #issuer: PermitIssuer = {
    idOf: number => permitId(this.#idPrefix, number),
    settlePermit: (permit, number, usage) => this.#settle(permit, number, usage),
    cancelPermit: permit => this.#cancel(permit),
  };
  readonly #metrics: LimiterMetrics;
  readonly #sessions: Sessions;
  readonly #expectations: Expectations;
  readonly #watch: Watch;
  /** In front of the ids of permits. */
  readonly #idPrefix: string;
  #lastNumber = 0;
  #limits: RateLimits;
  /** Aborted by {@link close}: sends home who waits here, not in the line of the store. */
  readonly #home = new AbortController();
  #closing: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
  constructor(config: RateLimitConfig = {}) {
    super();
    this.#settings = readLimiterConfig(config);
    this.#limits = this.#settings.limits;
    this.#telling = new Telling<RateLimitEvents>(this);
    this.#idPrefix = permitIdPrefix(this.#settings.clientId);
    const { now } = this.#settings;
    this.#metrics = new LimiterMetrics({ now });
    this.#sessions = new Sessions(now);
    try {
      this.#backend =
        this.#settings.store === 'memory'
          ? new EmbeddedLimiterBackend(this.#settings)
          : new (loadRemoteLimiter())(this.#settings, this.#telling);
    } catch (cause) {
      throw new TokenBudgetError('INVALID_CONFIG', asTokenBudgetError(cause).message, { cause });
    }
    this.#prompt = this.#backend.prompt;
    this.#expectations = new Expectations(this.#settings.outputQuantile, this.#backend, error =>
      this.#telling.emit('error', error),
    );
    this.#watch = new Watch(this.#telling, () => this.#view());
  }

  /** Whether a request could be made now. Consumes nothing: use `acquire` to be sure. */
  async canMakeRequest(estimate: RequestEstimate = {}): Promise<RequestVerdict> {
    this.#assertOpen();
    const request = readRequest(estimate);
    const operation = {
      is: 'check',
      with: {
        amounts: { requests: 1, ...this.#amounts(request) },
        priority: PRIORITIES[request.priority] ?? 'normal',
        agent: request.agent,
      },
    };
    const outcome = await this.#backend.query(toJson(operation));
    if (outcome.is !== 'verdict') throw unexpected(outcome);
    return await this.#verdict(outcome.with);
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
      const permit = this.#acquireAtOnce(request);
      return permit === undefined ? this.#acquireInTurn(request) : Promise.resolve(permit);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A permit when there is one at once, else the verdict. */
  async tryAcquire(
    options: RequestEstimate & { sessionId?: string } = {},
  ): Promise<{ permit: Permit; verdict: null } | { permit: null; verdict: RequestVerdict }> {
    this.#assertOpen();
    const request = readRequest(options);
    const amounts = this.#amounts(request);
    const startedAtMs = this.#settings.now();
    const number = this.#nextNumber();
    const { priority, agent } = request;
    const outcome = await this.#unlessDown(
      this.#backend.tryAcquire({ id: permitId(this.#idPrefix, number), ...amounts, priority, agent }),
    );
    if (outcome === 'down' || isGrant(outcome)) {
      return { permit: this.#permit(request, number, amounts, outcome, startedAtMs), verdict: null };
    }
    if (outcome.is !== 'refused') throw unexpected(outcome);
    const verdict = await this.#verdict(outcome.with);
    this.#metrics.refused(verdict.reason ?? 'line');
    return { permit: null, verdict };
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
        await settled.catch(failure => this.#telling.emit('error', failure));
      }
      throw error;
    }
  }

  /** Settles a permit of another process by its id. */
  async settle(permitId: string, usage: RequestUsage): Promise<PermitSettlement> {
    this.#assertOpen();
    const used = readUsage(usage);
    const signals = this.#readAnswer(used.answer, undefined, true);
    return await this.#settleById(readPermitId(permitId), used.inputTokens, used.outputTokens, signals, 0);
  }

  /** Cancels a permit of another process by its id. `false`: the store does not know it. */
  async cancel(permitId: string): Promise<boolean> {
    this.#assertOpen();
    const isKnown = await this.#backend.cancel(readPermitId(permitId));
    if (isKnown) this.#metrics.cancelled();
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
    const ageMs = sentAtMs === undefined ? undefined : Math.max(0, this.#settings.now() - sentAtMs);
    await this.#ask({ is: 'observe', with: wireSignals(signals, ageMs) });
    this.#heard(signals);
    return signals;
  }

  /** The limits in force. */
  async getLimits(): Promise<RateLimits> {
    return limitsOf(await this.#view());
  }

  /** Replaces the limits for every process at once, as a whole; `null` returns to the configured ones. */
  async setLimits(limits: RateLimits | null): Promise<void> {
    this.#assertOpen();
    const given = limits === null ? null : readLimits(limits, 'limits');
    const { margin, pacingMargin } = this.#settings;
    const terms = given === null ? null : termsOf(given, margin, pacingMargin);
    await this.#ask({ is: 'setTerms', with: terms });
    this.#inForce(given ?? this.#settings.limits);
  }

  /**
   * Gives an agent a share of every limit, from 0 to 1; all shares together are at most 1. What an agent leaves
   * idle the others may use, in proportion to their shares. The share ends with the process that gave it. `false`:
   * there is not so much left to give.
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
        ? this.#settings.cooldownMs
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
    return await this.#expectations.outputTokensOfAll(name, max);
  }

  /** Combines small requests: `fn` gets up to `maxSize` items at once, at the latest after `maxWaitMs`. */
  batch<T, R>(fn: (items: T[]) => Promise<readonly R[]>, options: BatchOptions): Batched<T, R> {
    return batch(fn, options);
  }

  /** What each session of this process used. */
  getSessions(): RateLimitSession[] {
    return this.#sessions.all();
  }

  /** Forgets a session and tells what it used. */
  endSession(sessionId: string): RateLimitSession | undefined {
    return this.#sessions.end(check.text(sessionId, 'sessionId', 256, 'well-formed'));
  }

  /** Requests of the session wait for so many milliseconds. Default: the configured cooldown. */
  coolDownSession(sessionId: string, forMs?: number): void {
    const id = check.text(sessionId, 'sessionId', 256, 'well-formed');
    const duration =
      forMs === undefined
        ? this.#settings.cooldownMs
        : check.integer(forMs, 'forMs', 0, check.MAX_DURATION_MS);
    this.#sessions.coolDown(id, duration);
  }

  /** Everything worth keeping, as JSON: for a store in memory that shall outlive its process. */
  async saveState(): Promise<RateLimitState> {
    const limiter = await this.#view();
    return {
      version: 1,
      name: this.#settings.name,
      savedAt: new Date(this.#settings.now()).toISOString(),
      limiter,
      sessions: this.#sessions.save(),
      learned: await this.#expectations.all(),
    };
  }

  /**
   * Takes up what `saveState` gave: checks it, leaves out what has expired, adds the rest. Counted is what is known
   * here or there, whichever is more. Rejects with `INVALID_ARGUMENT` when it is no such state; nothing changes then.
   */
  async restoreState(state: RateLimitState): Promise<void> {
    this.#assertOpen();
    const { limiter, sessions, learned } = readState(state, this.#settings.name);
    await this.#ask({ is: 'restore', with: limiter });
    this.#sessions.restore(sessions);
    await this.#expectations.restore(learned);
  }

  /** What happened in this process since it began. */
  metrics(): LimiterMetricsSnapshot {
    return this.#metrics.snapshot();
  }

  /** The same as Prometheus text. */
  prometheus(): string {
    return prometheusText(this.#metrics.snapshot(), { labels: { limiter: this.#settings.name } });
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
  async ready(options?: ReadyOptions): Promise<void> {
    this.#assertOpen();
    const { signal, duration } = readOptions(options, 'timeout', this.#settings.connectTimeoutMs);
    if (isAborted(signal)) throw abortReasonOf(signal);
    await this.#backend.ready(duration, signal);
  }

  /** Who waits is sent home with `CLOSED`; reports are delivered. A second call returns the same promise. */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing === undefined) {
      try {
        const { duration } = readOptions(options, 'timeout', CLOSE_TIMEOUT_MS);
        this.#home.abort(closedError());
        // What was learned is on its way before the store is let go of, which is what delivers it.
        this.#expectations.flush().catch(error => this.#telling.emit('error', error));
        this.#closing = this.#backend.close(duration);
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

  /** `undefined`: it has to wait for its turn, or to hear why there is none. */
  #acquireAtOnce(request: CheckedRequest): Permit | undefined {
    if (this.#prompt === undefined || this.#coolsDownForMs(request) > 0) return undefined;
    const { priority, agent } = request;
    const amounts = this.#amounts(request);
    const nowMs = this.#settings.now();
    const number = this.#nextNumber();
    const { inputTokens, outputTokens } = amounts;
    const grant = this.#prompt.admit(number, inputTokens, outputTokens, priority, agent, nowMs);
    if (grant === undefined) return undefined;
    return this.#permitAt(nowMs, request, number, amounts, grant, nowMs);
  }

  async #acquireInTurn(request: CheckedRequest): Promise<Permit> {
    const startedAtMs = this.#settings.now();
    const patience = new Patience(request.signal, request.maxWaitMs);
    try {
      if (this.#coolsDownForMs(request) > 0) await this.#coolDown(request, patience.signal);
      return await this.#acquire(request, startedAtMs, patience.signal);
    } catch (error) {
      if (!patience.isOver(error)) throw error;
      this.#metrics.refused('maxWait');
      const message = `There was no permit within ${request.maxWaitMs} ms (maxWaitMs)`;
      throw new TokenBudgetError('RATE_LIMITED', message);
    } finally {
      patience.end();
    }
  }

  async #acquire(
    request: CheckedRequest,
    startedAtMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Permit> {
    this.#assertOpen();
    const amounts = this.#amounts(request);
    const number = this.#nextNumber();
    const { priority, agent } = request;
    const onWait = (waitMs: number, ahead: number) => {
      this.#telling.emit('limit:waiting', { waitMs, ahead });
    };
    const id = permitId(this.#idPrefix, number);
    const outcome = await this.#unlessDown(
      this.#backend.acquire({ id, ...amounts, priority, agent }, signal, onWait),
    );
    if (outcome === 'down' || isGrant(outcome))
      return this.#permit(request, number, amounts, outcome, startedAtMs);
    throw await this.#refusal(outcome);
  }

  async #refusal(outcome: WireOutcome): Promise<TokenBudgetError> {
    if (outcome.is === 'lineFull') {
      this.#metrics.refused('lineFull');
      return new TokenBudgetError('LINE_FULL', 'Too many requests wait already (maxWaiting)');
    }
    if (outcome.is !== 'refused') return unexpected(outcome);
    const { reason, limit, waitMs } = await this.#verdict(outcome.with);
    this.#metrics.refused(reason ?? 'line');
    if (limit === null)
      return new TokenBudgetError('RATE_LIMITED', `${reason}: there is a permit in ${waitMs} ms`);
    return new TokenBudgetError(
      'NEVER_FITS',
      `${reason}: the request is larger than ${limit}, it can never be made`,
      {
        field: `limits.${reason}`,
      },
    );
  }

  /** With `onStoreError: 'allow'`, what a store that is away cannot decide is `down`. */
  async #unlessDown<T>(outcome: Promise<T>): Promise<T | 'down'> {
    try {
      return await outcome;
    } catch (error) {
      const { code } = asTokenBudgetError(error);
      const isDown = code === 'STORE_UNAVAILABLE' || code === 'TIMEOUT';
      if (isDown && this.#settings.allowWithoutStore && error instanceof TokenBudgetError) return 'down';
      throw error;
    }
  }

  #permit(
    request: CheckedRequest,
    number: number,
    amounts: { inputTokens: number; outputTokens: number },
    grant: WireGrant | 'down',
    startedAtMs: number,
  ): Permit {
    const nowMs = this.#settings.now();
    const held = grant === 'down' ? undefined : grant;
    return this.#permitAt(nowMs, request, number, amounts, held, startedAtMs);
  }

  /** `grant`: `undefined` when the store is away. */
  #permitAt(
    nowMs: number,
    request: CheckedRequest,
    number: number,
    amounts: { inputTokens: number; outputTokens: number },
    grant: PromptGrant | undefined,
    startedAtMs: number,
  ): Permit {
    const waitedMs = Math.max(0, nowMs - startedAtMs);
    const permit = new Permit(this.#issuer, {
      number,
      admittedAtMs: grant === undefined ? nowMs : grant.admittedAtMs,
      expiresAtMs: grant === undefined ? nowMs : grant.expiresAtMs,
      waitedMs,
      inputTokens: amounts.inputTokens,
      outputTokens: amounts.outputTokens,
      model: request.model,
      sessionId: request.sessionId,
      isUnheld: grant === undefined,
      grantedAtMs: nowMs,
    });
    this.#metrics.admitted(waitedMs, amounts, nowMs);
    if (request.sessionId !== undefined) this.#sessions.touch(request.sessionId);
    this.#watch.look(nowMs);
    return permit;
  }

  #settle(permit: Permit, number: number, usage: RequestUsage): PermitSettlement | Promise<PermitSettlement> {
    const used = readUsage(usage);
    const { inputTokens, outputTokens } = used;
    const signals = this.#readAnswer(used.answer, undefined, true);
    const nowMs = this.#settings.now();
    const elapsedMs = Math.max(0, nowMs - permit.grantedAtMs);
    this.#metrics.settled(used, used.responseTimeMs ?? elapsedMs);
    if (signals?.isSuccess === false) this.#metrics.error(signals.status);
    if (permit.sessionId !== undefined) {
      this.#sessions.count(permit.sessionId, inputTokens, outputTokens, signals?.isSuccess === false);
    }
    if (permit.model !== undefined && signals?.isSuccess !== false) {
      this.#expectations.learn(permit.model, outputTokens);
    }
    if (permit.isUnheld) return this.#settleUnheld(permit, inputTokens, outputTokens, signals, elapsedMs);
    if (signals !== undefined || this.#prompt === undefined) {
      return this.#settleById(permit.id, inputTokens, outputTokens, signals, elapsedMs);
    }
    const { known, late } = this.#prompt.settleNumber(number, inputTokens, outputTokens, nowMs);
    return {
      estimated: known
        ? { inputTokens: permit.inputTokens, outputTokens: permit.outputTokens }
        : { inputTokens: 0, outputTokens: 0 },
      used: { inputTokens, outputTokens },
      late,
      known,
    };
  }

  async #settleUnheld(
    permit: Permit,
    inputTokens: number,
    outputTokens: number,
    signals: ProviderSignals | undefined,
    ageMs: number,
  ): Promise<PermitSettlement> {
    if (signals !== undefined) await this.#ask({ is: 'observe', with: wireSignals(signals, ageMs) });
    const estimated = { inputTokens: permit.inputTokens, outputTokens: permit.outputTokens };
    return { estimated, used: { inputTokens, outputTokens }, late: false, known: false };
  }

  async #settleById(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signals: ProviderSignals | undefined,
    ageMs: number,
  ): Promise<PermitSettlement> {
    const wire = signals === undefined ? null : toJson(wireSignals(signals, ageMs));
    const settled = await this.#backend.settle(id, inputTokens, outputTokens, wire);
    if (signals !== undefined) this.#heard(signals);
    const used = { inputTokens, outputTokens };
    // Kept while the store is away: what it will say is not known yet.
    if (settled === undefined) return { estimated: used, used, late: false, known: true };
    const { known, late } = settled;
    return {
      estimated: { inputTokens: settled.inputTokens, outputTokens: settled.outputTokens },
      used,
      late,
      known,
    };
  }

  async #cancel(permit: Permit): Promise<boolean> {
    this.#metrics.cancelled();
    return permit.isUnheld ? false : await this.#backend.cancel(permit.id);
  }

  /** What an answer says; of an error that says nothing about limits: that the request failed. */
  #readAnswer(
    answer: unknown,
    provider: Provider | undefined,
    isSettle: boolean,
  ): ProviderSignals | undefined {
    if (answer === undefined && isSettle) return undefined;
    return readSignals(answer, provider === undefined ? {} : { provider });
  }

  /** Tells what a provider said. */
  #heard(signals: ProviderSignals): void {
    if (signals.hit !== undefined) {
      this.#metrics.hit(signals.hit.kind);
      this.#telling.emit('limit:hit', {
        kind: signals.hit.kind,
        retryAfterMs: signals.hit.retryAfterMs ?? null,
        provider: signals.provider,
      });
    }
    if (this.#settings.adoptLimits) this.#adopt(signals);
  }

  /** A provider that tells other limits than ours knows better. */
  #adopt(signals: ProviderSignals): void {
    const names: Record<string, RateLimitName> = {
      requests: 'rpm',
      inputTokens: 'itpm',
      outputTokens: 'otpm',
      tokens: 'tpm',
    };
    if (HOURLY.has(signals.provider)) return;
    const limits = { ...this.#limits };
    let isChanged = false;
    for (const { unit, limit } of signals.readings) {
      const name = names[unit];
      if (name === undefined || limit === undefined || limits[name] === limit) continue;
      limits[name] = limit;
      isChanged = true;
    }
    if (isChanged) this.setLimits(limits).catch(error => this.#telling.emit('error', error));
  }

  /** What a request is held for. */
  #amounts(request: CheckedRequest): { inputTokens: number; outputTokens: number } {
    const { inputTokens, maxOutputTokens, model } = request;
    const { itpm, otpm } = this.#limits;
    const learned =
      maxOutputTokens === undefined && model !== undefined
        ? this.#expectations.outputTokens(model)
        : undefined;
    return {
      inputTokens: inputTokens ?? perRequest(itpm),
      outputTokens: maxOutputTokens ?? learned ?? perRequest(otpm),
    };
  }

  #coolsDownForMs({ sessionId }: CheckedRequest): number {
    return sessionId === undefined ? 0 : this.#sessions.coolsDownForMs(sessionId);
  }

  /** Waits until a session has cooled down, however often that is put off meanwhile. */
  async #coolDown(request: CheckedRequest, signal: AbortSignal | undefined): Promise<void> {
    for (let forMs = this.#coolsDownForMs(request); forMs > 0; forMs = this.#coolsDownForMs(request)) {
      if (request.maxWaitMs !== undefined && request.maxWaitMs < forMs) {
        this.#metrics.refused('session');
        const message = `The session cools down for ${forMs} ms, longer than ${request.maxWaitMs} ms (maxWaitMs)`;
        throw new TokenBudgetError('RATE_LIMITED', message);
      }
      await pauseFor(forMs, signal, this.#home.signal);
    }
  }

  async #view(): Promise<WireView> {
    this.#assertOpen();
    const outcome = await this.#backend.query('{"is":"view"}');
    if (outcome.is !== 'view') throw unexpected(outcome);
    this.#inForce(limitsOf(outcome.with));
    return outcome.with;
  }

  /** A verdict names a limit by its number among those in force, which another process may have changed. */
  async #verdict(verdict: WireVerdict): Promise<RequestVerdict> {
    const isOfRule = verdict.is !== 'now' && verdict.with.reason.is === 'rule';
    if (isOfRule && this.#settings.isShared) await this.#view();
    return verdictOf(verdict, ruleNames(this.#limits));
  }

  #inForce(limits: RateLimits): void {
    if (isDeepStrictEqual(limits, this.#limits)) return;
    this.#limits = limits;
    this.#telling.emit('limits:changed', limits);
  }

  async #done(operation: object): Promise<boolean> {
    const outcome = await this.#ask(operation);
    return outcome.is === 'done' && outcome.with;
  }

  #ask(operation: object): Promise<WireOutcome> {
    return this.#backend.query(toJson(operation as Parameters<typeof toJson>[0]));
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

/** Loaded by whoever has a store on Redis. */
function loadRemoteLimiter(): typeof RemoteLimiter {
  return (require('../backend/remote-limiter') as typeof import('../backend/remote-limiter')).RemoteLimiter;
}

/** An even share of what a minute allows, as long as nothing is known of a request. */
function perRequest(limit: number | undefined): number {
  return limit === undefined ? 0 : Math.floor(limit / 60);
}

function unexpected(outcome: WireOutcome): TokenBudgetError {
  return new TokenBudgetError('STORE_UNAVAILABLE', `Unexpected outcome: ${outcome.is}`);
}

function readPermitId(value: unknown): string {
  if (typeof value === 'string' && PERMIT_ID.test(value)) return value;
  throw check.invalid('permitId', 'the id of a permit', value);
}

function providerOption(value: unknown): { provider?: Provider } {
  return value === undefined ? {} : { provider: check.oneOf(value, 'options.provider', PROVIDERS) };
}
