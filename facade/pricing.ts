import { type Amounts, type CheckedUsage, hasCost, UNKNOWN_COST } from './arguments';
import type { Settings } from './config';
import { TokenBudgetError } from './errors';
import type { Announcer } from './events';
import { moneyOf } from './money';
import { describe } from './text';
import type { ReservationResult } from './types/reservation';

/** What a tracker keeps of each, at most. */
const KEPT_MAX = 10_000;

/** What is asked for, and by which model. */
interface Asked {
  costMicros: number;
  model: string | null;
}

/** What the calls of one tracker cost, where nobody says. */
export class Pricing {
  readonly #settings: Settings;
  readonly #announcer: Announcer;
  /** Whether budgets of these have limits of money, as far as this tracker knows: configured, or set by it. */
  readonly #budgeted = new Map<string, boolean>();
  readonly #isBudgetedByDefault: boolean;
  #isActive: boolean;
  /** Models of open reservations of this tracker, for those that are ended without one. */
  readonly #models = new Map<string, string>();
  /** Models that were warned of. */
  readonly #unknown = new Set<string>();

  constructor(settings: Settings, announcer: Announcer) {
    this.#settings = settings;
    this.#announcer = announcer;
    this.#isActive = settings.money.isActive;
    this.#isBudgetedByDefault = hasCost(settings.defaultBudget);
    for (const [id, limits] of settings.orchestratorBudgets) this.#budgeted.set(id, hasCost(limits));
  }

  /** A budget was set at run time; `isUnset`: the configured one is in force again. */
  budgeted(id: string, hasLimits: boolean, isUnset: boolean): void {
    const configured = this.#settings.orchestratorBudgets.find(([known]) => known === id);
    if (!isUnset) keep(this.#budgeted, id, hasLimits);
    else if (configured === undefined) this.#budgeted.delete(id);
    else this.#budgeted.set(id, hasCost(configured[1]));
    if (hasLimits) this.#isActive = true;
  }

  /** Micro-units of a check or a reservation. Throws `INVALID_ARGUMENT` when they have to be known and are not. */
  estimate(id: string, tokens: number, { costMicros, model }: Asked): number {
    if (costMicros !== UNKNOWN_COST) return costMicros;
    if (!this.#isActive) return 0;
    const { prices, unknownModel } = this.#settings.money;
    const estimate = model === null ? undefined : prices.reserveMicros(model, tokens);
    if (typeof estimate === 'number') return estimate;
    const isBudgeted = this.#budgeted.get(id) ?? this.#isBudgetedByDefault;
    if (!isBudgeted || unknownModel === 'unpriced') return 0;
    const message =
      model === null
        ? 'options.cost: expected a cost or a model, for the budget has a limit of money'
        : `options.cost: expected a cost, for no price of the model ${describe(model)} is known`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: 'options.cost' });
  }

  /** Keeps the model of what is granted. */
  async remember(reserved: Promise<ReservationResult>, model: string): Promise<ReservationResult> {
    const result = await reserved;
    if (this.#isActive && result.reservationId !== undefined) keep(this.#models, result.reservationId, model);
    return result;
  }

  /** Says what `usage` cost. */
  price(usage: CheckedUsage): void {
    if (usage.costMicros !== UNKNOWN_COST) return;
    usage.costMicros = this.#isActive ? this.#used(usage, usage.model, usage.timestampMs) : 0;
    if (usage.costMicros === 0) return;
    // The event tells what was counted.
    usage.given = { ...usage.given, cost: moneyOf(usage.costMicros, this.#announcer.currency) };
  }

  /** The same for a reservation that ends. */
  priceSettled(reservationId: string, amounts: Amounts): void {
    const model = amounts.model === '' ? (this.#models.get(reservationId) ?? '') : amounts.model;
    this.#models.delete(reservationId);
    if (amounts.costMicros !== UNKNOWN_COST) return;
    amounts.costMicros = this.#isActive ? this.#used(amounts, model, undefined) : 0;
  }

  #used(amounts: Amounts, model: string, timestampMs: number | undefined): number {
    if (amounts.total === 0) return 0;
    const cost = this.#settings.money.prices.usageMicros({
      model,
      ...(timestampMs !== undefined && { timestamp: new Date(timestampMs) }),
      promptTokens: amounts.prompt,
      completionTokens: amounts.completion,
      cacheReadTokens: amounts.cacheRead,
      cacheWriteTokens: amounts.cacheWrite,
      reasoningTokens: amounts.reasoning,
      totalTokens: amounts.total,
    });
    if (typeof cost === 'number') return cost;
    this.#warn(model);
    return 0;
  }

  /** Tokens that are gone are recorded whatever they cost: once for each model it is told that they cost nothing. */
  #warn(model: string): void {
    if (this.#unknown.has(model) || this.#unknown.size >= KEPT_MAX) return;
    this.#unknown.add(model);
    const what = model === '' ? 'usage without a model and a cost' : `the model ${describe(model)}`;
    this.#announcer.emit('store:warning', {
      message: `No price is known of ${what}: it counts as costing nothing`,
    });
  }
}

/** Lets go of the oldest one. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  if (map.size >= KEPT_MAX) {
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }
  map.set(key, value);
}
