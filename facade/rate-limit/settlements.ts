import { toJson } from '../json';
import { type Provider, type ProviderSignals, readSignals } from '../providers';
import { isFailure } from '../providers/answer';
import { parsedWhole } from '../providers/body';
import type { PermitSettlement, RateLimitName, RequestUsage } from '../types/rate-limit';
import { type CheckedUsage, readUsage } from './arguments';
import type { LimiterParts } from './parts';
import type { Permit, PermitIssuer } from './permit';
import { permitId } from './permit-id';
import { wireSignals } from './wire';

/** Whose headers tell limits of a minute; those of others may be of an hour, or of anything. */
const PER_MINUTE: ReadonlySet<Provider> = new Set(['openai', 'azure', 'anthropic']);

/** How requests end: what they used, and what the provider said. */
export class Settlements implements PermitIssuer {
  readonly #parts: LimiterParts;

  constructor(parts: LimiterParts) {
    this.#parts = parts;
  }

  idOf(number: number): string {
    return permitId(this.#parts.idPrefix, number);
  }

  settlePermit(
    permit: Permit,
    number: number,
    usage: RequestUsage,
  ): PermitSettlement | Promise<PermitSettlement> {
    const used = readUsage(usage);
    const { prompt } = this.#parts;
    if (prompt === undefined || used.answer !== undefined || permit.isUnheld) {
      return this.#settleInTurn(permit, used);
    }
    const { inputTokens, outputTokens } = used;
    const nowMs = this.#parts.settings.now();
    const { known, late } = prompt.settleNumber(number, inputTokens, outputTokens, nowMs);
    this.#count(permit, used, elapsedMs(permit, nowMs), undefined);
    return {
      estimated: {
        inputTokens: known ? permit.inputTokens : 0,
        outputTokens: known ? permit.outputTokens : 0,
      },
      used: { inputTokens, outputTokens },
      late,
      known,
    };
  }

  #settleInTurn(permit: Permit, used: CheckedUsage): Promise<PermitSettlement> {
    const { inputTokens, outputTokens } = used;
    const signals = readAnswer(used);
    const ageMs = elapsedMs(permit, this.#parts.settings.now());
    const settled = permit.isUnheld
      ? this.#settleUnheld(permit, inputTokens, outputTokens, signals, ageMs)
      : this.#settleById(permit.id, inputTokens, outputTokens, signals, ageMs);
    // One that the store refused can be settled again, and counts once.
    return settled.then(settlement => {
      this.#count(permit, used, ageMs, signals);
      return settlement;
    });
  }

  async cancelPermit(permit: Permit): Promise<boolean> {
    const isKnown = permit.isUnheld ? false : await this.#parts.backend.cancel(permit.id);
    this.#parts.metrics.cancelled();
    return isKnown;
  }

  /** Of a permit of any process. */
  async settleOther(id: string, usage: RequestUsage): Promise<PermitSettlement> {
    const used = readUsage(usage);
    const signals = readAnswer(used);
    // Nobody here knows when its request left; where the store knows the permit, that tells.
    const settled = await this.#settleById(id, used.inputTokens, used.outputTokens, signals, undefined);
    if (settled.known) this.#parts.metrics.settled(used, used.responseTimeMs);
    return settled;
  }

  /** What a provider said that belongs to no permit. `ageMs`: how long ago its request left. */
  async observe(signals: ProviderSignals, ageMs: number | undefined): Promise<void> {
    await this.#parts.backend.query(toJson({ is: 'observe', with: wireSignals(signals, ageMs) }));
    this.#heard(signals);
  }

  #count(permit: Permit, used: CheckedUsage, ageMs: number, signals: ProviderSignals | undefined): void {
    const { metrics, sessions, expectations } = this.#parts;
    const isError = signals?.isSuccess === false;
    metrics.settled(used, used.responseTimeMs ?? ageMs);
    if (isError) metrics.error(signals.status);
    if (permit.sessionId !== undefined) {
      sessions.count(permit.sessionId, used.inputTokens, used.outputTokens, isError);
    }
    if (permit.model !== undefined && !isError) expectations.learn(permit.model, used.outputTokens);
  }

  async #settleUnheld(
    permit: Permit,
    inputTokens: number,
    outputTokens: number,
    signals: ProviderSignals | undefined,
    ageMs: number,
  ): Promise<PermitSettlement> {
    if (signals !== undefined) await this.observe(signals, ageMs);
    const estimated = { inputTokens: permit.inputTokens, outputTokens: permit.outputTokens };
    return { estimated, used: { inputTokens, outputTokens }, late: false, known: false };
  }

  async #settleById(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signals: ProviderSignals | undefined,
    ageMs: number | undefined,
  ): Promise<PermitSettlement> {
    const wire = signals === undefined ? null : toJson(wireSignals(signals, ageMs));
    const settled = await this.#parts.backend.settle(id, inputTokens, outputTokens, wire);
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

  /** Tells what a provider said. */
  #heard(signals: ProviderSignals): void {
    if (signals.hit !== undefined) {
      this.#parts.metrics.hit(signals.hit.kind);
      this.#parts.telling.emit('limit:hit', {
        kind: signals.hit.kind,
        retryAfterMs: signals.hit.retryAfterMs ?? null,
        provider: signals.provider,
      });
    }
    if (this.#parts.settings.adoptLimits) this.#adopt(signals);
  }

  /** A provider that tells other limits than ours knows better. */
  #adopt(signals: ProviderSignals): void {
    const names: Record<string, RateLimitName> = {
      requests: 'rpm',
      inputTokens: 'itpm',
      outputTokens: 'otpm',
      tokens: 'tpm',
    };
    if (!PER_MINUTE.has(signals.provider)) return;
    const limits = { ...this.#parts.inForce.limits };
    let isChanged = false;
    for (const { unit, limit } of signals.readings) {
      const name = names[unit];
      // A limit of nothing would let no request out that could learn of a better one.
      if (name === undefined || limit === undefined || limit === 0 || limits[name] === limit) continue;
      limits[name] = limit;
      isChanged = true;
    }
    if (isChanged) this.#parts.inForce.set(limits).catch(error => this.#parts.telling.emit('error', error));
  }
}

/** How long ago the permit was granted. */
function elapsedMs(permit: Permit, nowMs: number): number {
  return Math.max(0, nowMs - permit.grantedAtMs);
}

/**
 * What the provider answered. Who settles with headers or a body says that there was an answer; where that tells
 * neither a status nor an error, it is a success, also when there is nothing to read in it (`headers: {}`, a text).
 */
function readAnswer({ answer, isError }: CheckedUsage): ProviderSignals | undefined {
  if (answer === undefined) return undefined;
  const told = isError ? answer : parsedWhole(answer);
  const signals = readSignals(told);
  const isAnswer = !isError && !isFailure(told);
  if (isAnswer && signals.status === undefined && signals.hit === undefined) signals.isSuccess = true;
  return signals;
}
