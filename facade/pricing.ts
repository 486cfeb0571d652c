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
  #hasThrown = false;

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
    const estimate = model === null ? null : this.#ask(() => prices.reserveMicros(model, tokens));
    if (estimate !== null) return estimate;
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
    if (result.reservationId !== undefined) keep(this.#models, result.reservationId, model);
    return result;
  }

  /** Says what `usage` cost. */
  price(usage: CheckedUsage): void {
    if (usage.costMicros !== UNKNOWN_COST) return;
    usage.costMicros = 0;
    if (!this.#isActive || usage.total === 0) return;
    const cost = this.#used(usage, usage.timestampMs);
    if (cost === null) return;
    usage.costMicros = cost;
    // The event tells what was counted.
    usage.given = { ...usage.given, cost: moneyOf(cost, this.#announcer.currency) };
  }

  /**
   * The same for a reservation that ends, by the model that it was made with when none is named. What stays unknown
   * costs its share of what the reservation holds, as the store knows.
   */
  priceSettled(reservationId: string, amounts: Amounts): void {
    if (amounts.model === '') amounts.model = this.#models.get(reservationId) ?? '';
    if (amounts.costMicros !== UNKNOWN_COST) return;
    if (amounts.total === 0) amounts.costMicros = 0;
    else if (this.#isActive) amounts.costMicros = this.#used(amounts, undefined) ?? UNKNOWN_COST;
  }

  /** Lets go of the model of a reservation once it has ended: a settle that failed is asked for again. */
  forget(reservationId: string, settled: Promise<void>): Promise<void> {
    if (!this.#models.has(reservationId)) return settled;
    return settled.then(() => {
      this.#models.delete(reservationId);
    });
  }

  /** `null`: no price is known, which is told. */
  #used(amounts: Amounts, timestampMs: number | undefined): number | null {
    const { model } = amounts;
    const usage = {
      model,
      ...(timestampMs !== undefined && { timestamp: new Date(timestampMs) }),
      promptTokens: amounts.prompt,
      completionTokens: amounts.completion,
      cacheReadTokens: amounts.cacheRead,
      cacheWriteTokens: amounts.cacheWrite,
      reasoningTokens: amounts.reasoning,
      totalTokens: amounts.total,
    };
    const cost = model === '' ? null : this.#ask(() => this.#settings.money.prices.usageMicros(usage));
    if (cost === null) this.#warn(model);
    return cost;
  }

  /** A source of prices that throws knows none. */
  #ask(prices: () => number | null): number | null {
    try {
      return prices();
    } catch (error) {
      if (!this.#hasThrown) {
        this.#hasThrown = true;
        this.#announcer.emit('store:warning', {
          message: `priceSource threw, which counts as knowing no price: ${reasonText(error)}`,
        });
      }
      return null;
    }
  }

  /** Tokens that are gone are recorded whatever they cost: once for each model it is told what they count as. */
  #warn(model: string): void {
    if (this.#unknown.has(model) || this.#unknown.size >= KEPT_MAX) return;
    this.#unknown.add(model);
    const what = model === '' ? 'usage without a model and a cost' : `the model ${describe(model)}`;
    this.#announcer.emit('store:warning', {
      message: `No price is known of ${what}: it counts as costing nothing, with a reservation its share of what that held`,
    });
  }
}

function reasonText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : describe(error);
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
