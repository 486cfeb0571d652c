import { asTokenBudgetError, closedError, TokenBudgetError } from '../errors';
import type { RequestVerdict } from '../types/rate-limit';
import type { CheckedRequest } from './arguments';
import { isGrant, type PromptGrant } from './backend';
import { termsOf } from './config';
import { unexpected } from './in-force';
import type { LimiterParts } from './parts';
import { Patience, pauseFor } from './patience';
import { Permit, type PermitIssuer } from './permit';
import { permitId } from './permit-id';
import { Watch } from './watch';
import { PRIORITIES, type WireGrant, type WireOutcome } from './wire';

const MINUTES_OF_A_DAY = 1440;

/** The way from a request to its permit: at once where that is possible, else through the line. */
export class Admissions {
  readonly #parts: LimiterParts;
  readonly #issuer: PermitIssuer;
  readonly #watch: Watch;
  /** Aborted by {@link close}: sends home who waits here, not in the line of the store. */
  readonly #home = new AbortController();
  #lastNumber = 0;

  constructor(parts: LimiterParts, issuer: PermitIssuer) {
    this.#parts = parts;
    this.#issuer = issuer;
    this.#watch = new Watch(parts.telling, () => parts.inForce.view());
  }

  acquire(request: CheckedRequest): Promise<Permit> {
    const permit = this.#acquireAtOnce(request);
    if (permit === undefined) return this.#acquireInTurn(request);
    // Having read a field, the compiler knows the object, and that it has no `then`, which is looked for otherwise.
    void permit.isUnheld;
    return Promise.resolve(permit);
  }

  /** Never waits. */
  async tryAcquire(
    request: CheckedRequest,
  ): Promise<{ permit: Permit; verdict: null } | { permit: null; verdict: RequestVerdict }> {
    const amounts = this.amounts(request);
    const startedAtMs = this.#parts.settings.now();
    const number = this.#nextNumber();
    const { priority, agent } = request;
    const outcome = await this.#unlessDown(
      this.#parts.backend.tryAcquire({
        id: permitId(this.#parts.idPrefix, number),
        ...amounts,
        priority,
        agent,
      }),
    );
    if (outcome === 'down' || isGrant(outcome)) {
      return { permit: this.#permit(request, number, amounts, outcome, startedAtMs), verdict: null };
    }
    if (outcome.is !== 'refused') throw unexpected(outcome);
    const verdict = await this.#parts.inForce.verdict(outcome.with);
    this.#parts.metrics.refused(verdict.reason ?? 'line');
    return { permit: null, verdict };
  }

  /** Nobody is admitted any more, and who waits here is sent home. */
  close(): void {
    this.#home.abort(closedError('limiter'));
  }

  /** What a request is held for. */
  amounts(request: CheckedRequest): { inputTokens: number; outputTokens: number } {
    const { inputTokens, maxOutputTokens, model } = request;
    const { itpm, otpm, tpm, tpd } = this.#parts.inForce.limits;
    const total = tpm ?? (tpd === undefined ? undefined : tpd / MINUTES_OF_A_DAY);
    const learned =
      maxOutputTokens === undefined && model !== undefined
        ? this.#parts.expectations.outputTokens(model)
        : undefined;
    const input = inputTokens ?? perRequest(itpm ?? total);
    const expected = learned === undefined ? undefined : Math.min(learned, this.#mostOutput(request, input));
    return { inputTokens: input, outputTokens: maxOutputTokens ?? expected ?? perRequest(otpm) };
  }

  /** What can be admitted at most beside the input: what was learned is no reason to refuse a request for ever. */
  #mostOutput({ priority }: CheckedRequest, inputTokens: number): number {
    const { margin, pacingMargin } = this.#parts.settings;
    const { rules } = termsOf(this.#parts.inForce.limits, margin, pacingMargin);
    const rooms = rules.map(({ unit, limit, ordinary }) => {
      const cap = PRIORITIES[priority] === 'critical' ? limit : ordinary;
      return unit === 'outputTokens' ? cap : unit === 'tokens' ? cap - inputTokens : Infinity;
    });
    return Math.max(0, Math.min(Infinity, ...rooms));
  }

  /** `undefined`: it has to wait for its turn, or to hear why there is none. */
  #acquireAtOnce(request: CheckedRequest): Permit | undefined {
    if (this.#parts.prompt === undefined || this.#coolsDownForMs(request) > 0) return undefined;
    const { priority, agent } = request;
    const amounts = this.amounts(request);
    const nowMs = this.#parts.settings.now();
    const number = this.#nextNumber();
    const { inputTokens, outputTokens } = amounts;
    const grant = this.#parts.prompt.admit(number, inputTokens, outputTokens, priority, agent, nowMs);
    if (grant === undefined) return undefined;
    return this.#permitAt(nowMs, request, number, amounts, grant, nowMs);
  }

  async #acquireInTurn(request: CheckedRequest): Promise<Permit> {
    const startedAtMs = this.#parts.settings.now();
    const patience = new Patience(request.signal, request.maxWaitMs);
    try {
      if (this.#coolsDownForMs(request) > 0) {
        patience.begin();
        await this.#coolDown(request, patience.signal);
      }
      return await this.#acquire(request, startedAtMs, patience);
    } catch (error) {
      if (!patience.isOver(error)) throw error;
      this.#parts.metrics.refused('maxWait');
      const message = `There was no permit within ${request.maxWaitMs} ms (maxWaitMs)`;
      throw new TokenBudgetError('RATE_LIMITED', message);
    } finally {
      patience.end();
    }
  }

  async #acquire(request: CheckedRequest, startedAtMs: number, patience: Patience): Promise<Permit> {
    if (this.#home.signal.aborted) throw closedError('limiter');
    const amounts = this.amounts(request);
    const number = this.#nextNumber();
    const { priority, agent } = request;
    const onWait = (waitMs: number, ahead: number) => {
      patience.begin();
      this.#parts.metrics.waited();
      this.#parts.telling.emit('limit:waiting', { waitMs, ahead });
    };
    const id = permitId(this.#parts.idPrefix, number);
    const outcome = await this.#unlessDown(
      this.#parts.backend.acquire({ id, ...amounts, priority, agent }, patience.signal, onWait),
    );
    if (outcome === 'down' || isGrant(outcome))
      return this.#permit(request, number, amounts, outcome, startedAtMs);
    throw await this.#refusal(outcome);
  }

  async #refusal(outcome: WireOutcome): Promise<TokenBudgetError> {
    if (outcome.is === 'lineFull') {
      this.#parts.metrics.refused('lineFull');
      return new TokenBudgetError('LINE_FULL', 'Too many requests wait already (maxWaiting)');
    }
    if (outcome.is !== 'refused') return unexpected(outcome);
    const { reason, limit, waitMs } = await this.#parts.inForce.verdict(outcome.with);
    this.#parts.metrics.refused(reason ?? 'line');
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
      if (isDown && this.#parts.settings.allowWithoutStore && error instanceof TokenBudgetError)
        return 'down';
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
    const nowMs = this.#parts.settings.now();
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
    this.#parts.metrics.admitted(waitedMs, amounts, nowMs);
    if (request.sessionId !== undefined) this.#parts.sessions.touch(request.sessionId);
    this.#watch.look(nowMs);
    return permit;
  }

  #coolsDownForMs({ sessionId }: CheckedRequest): number {
    return sessionId === undefined ? 0 : this.#parts.sessions.coolsDownForMs(sessionId);
  }

  /** Waits until a session has cooled down, however often that is put off meanwhile. */
  async #coolDown(request: CheckedRequest, signal: AbortSignal | undefined): Promise<void> {
    for (let forMs = this.#coolsDownForMs(request); forMs > 0; forMs = this.#coolsDownForMs(request)) {
      if (request.maxWaitMs !== undefined && request.maxWaitMs < forMs) {
        this.#parts.metrics.refused('session');
        const message = `The session cools down for ${forMs} ms, longer than ${request.maxWaitMs} ms (maxWaitMs)`;
        throw new TokenBudgetError('RATE_LIMITED', message);
      }
      await pauseFor(forMs, signal, this.#home.signal);
    }
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}

/** An even share of what a minute allows, as long as nothing is known of a request. */
function perRequest(limit: number | undefined): number {
  return limit === undefined ? 0 : Math.floor(limit / 60);
}
