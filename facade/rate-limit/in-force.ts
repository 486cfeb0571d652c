import { isDeepStrictEqual } from 'node:util';
import { TokenBudgetError } from '../errors';
import { toJson } from '../json';
import type { Telling } from '../telling';
import type { RateLimitEvents, RateLimits, RequestVerdict } from '../types/rate-limit';
import type { LimiterBackend } from './backend';
import { type LimiterSettings, ruleNames, termsOf } from './config';
import { limitsOf, verdictOf } from './status';
import type { WireOutcome, WireVerdict, WireView } from './wire';

/** The limits in force, as far as this process knows: any process may change them. */
export class InForce {
  readonly #settings: LimiterSettings;
  readonly #backend: LimiterBackend;
  readonly #telling: Telling<RateLimitEvents>;
  #limits: RateLimits;

  constructor(settings: LimiterSettings, backend: LimiterBackend, telling: Telling<RateLimitEvents>) {
    this.#settings = settings;
    this.#backend = backend;
    this.#telling = telling;
    this.#limits = settings.limits;
  }

  get limits(): RateLimits {
    return this.#limits;
  }

  async view(): Promise<WireView> {
    const outcome = await this.#backend.query('{"is":"view"}');
    if (outcome.is !== 'view') throw unexpected(outcome);
    this.#learn(limitsOf(outcome.with));
    return outcome.with;
  }

  /** `null`: the configured ones. */
  async set(limits: RateLimits | null): Promise<void> {
    const { margin, pacingMargin } = this.#settings;
    const terms = limits === null ? null : termsOf(limits, margin, pacingMargin);
    await this.#backend.query(toJson({ is: 'setTerms', with: terms }));
    this.#learn(limits ?? this.#settings.limits);
  }

  /** A verdict names a limit by its number among those in force, which another process may have changed. */
  async verdict(verdict: WireVerdict): Promise<RequestVerdict> {
    const isOfRule = verdict.is !== 'now' && verdict.with.reason.is === 'rule';
    if (isOfRule && this.#settings.isShared) await this.view();
    return verdictOf(verdict, ruleNames(this.#limits));
  }

  #learn(limits: RateLimits): void {
    if (isDeepStrictEqual(limits, this.#limits)) return;
    this.#limits = limits;
    this.#telling.emit('limits:changed', limits);
  }
}

export function unexpected(outcome: WireOutcome): TokenBudgetError {
  return new TokenBudgetError('STORE_UNAVAILABLE', `Unexpected outcome: ${outcome.is}`);
}
