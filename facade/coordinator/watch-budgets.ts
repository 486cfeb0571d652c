import { TokenBudgetError } from '../errors';
import { percentOf, reaches } from '../percent';
import type { Announcer } from '../timers/announcer';
import { readOnExpire } from '../timers/arguments';
import { fractionAt } from '../timers/patterns/budget-reset';
import { idOf, make, type PatternSpec } from '../timers/patterns/pattern';
import type { TimerParts } from '../timers/service';
import type { OnExpire } from '../timers/types';
import { orchestratorsOf, TokenBudgetTracker, thresholdsOf } from '../tracker';
import type { BudgetPeriod } from '../types/budget';
import type { CostStats, Money } from '../types/money';
import type { UsageStats } from '../types/usage';
import { elements, invalid, object, oneOf, onlyNames, own } from '../validate';

/** A budget of which so much is used that its reset is awaited. */
export interface BudgetAlmostUsed {
  orchestratorId: string;
  period: BudgetPeriod;
  /** Of tokens; `Infinity` when only money is limited. */
  limit: number;
  /** Tokens used in the window. */
  totalUsed: number;
  /** The money of the window, where there is any. */
  cost?: CostStats;
  /** When the window ends, and the budget is whole again. */
  resetsAt: Date;
}

export interface WatchBudgetsOptions {
  /** The fraction of the budget from which on the timer is made. Default 0.8. */
  at?: number;
  /** Budgets that are watched. Default `['daily']`. */
  periods?: readonly BudgetPeriod[];
  /** What happens at the reset. `data` defaults to `{ newBudget }` in tokens, `newCostBudget` where money is limited. */
  on_expire?: OnExpire | ((budget: BudgetAlmostUsed) => OnExpire);
}

const NAMES: ReadonlySet<string> = new Set<keyof WatchBudgetsOptions>(['at', 'periods', 'on_expire']);
const PERIODS = ['hourly', 'daily', 'monthly'] as const;
/** Windows that a timer was made for, as far as they are remembered. */
const DONE_MAX = 10_000;
/** So often what nobody here has told is looked for. */
const ROUND_MS = 30_000;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** Watches the budgets of a tracker until it is told to stop. */
export class BudgetWatch {
  readonly #parts: TimerParts;
  readonly #announcer: Announcer;
  readonly #tracker: TokenBudgetTracker;
  readonly #at: number;
  readonly #periods: ReadonlySet<BudgetPeriod>;
  readonly #onExpire: WatchBudgetsOptions['on_expire'];
  /** Ids of timers. */
  readonly #done = new Set<string>();
  /** Looks that are about to begin or under way; `again`: once more afterwards. */
  readonly #looking = new Map<string, 'begins' | 'runs' | 'again'>();
  readonly #retries = new Set<ReturnType<typeof setTimeout>>();
  readonly #unlisten: () => void;
  #round: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(parts: TimerParts, announcer: Announcer, tracker: unknown, options: unknown) {
    if (!(tracker instanceof TokenBudgetTracker)) throw invalid('tracker', 'a TokenBudgetTracker', tracker);
    const source = object(options, 'options');
    onlyNames(source, 'options', NAMES);
    const at = own(source, 'at', 'options');
    const periods = own(source, 'periods', 'options') ?? ['daily'];
    this.#parts = parts;
    this.#announcer = announcer;
    this.#tracker = tracker;
    this.#at = at === undefined ? 0.8 : fractionAt(at, 'options.at');
    this.#periods = new Set(
      elements(periods, 'options.periods', 3).map((period, index) =>
        oneOf(period, `options.periods[${index}]`, PERIODS),
      ),
    );
    this.#onExpire = own(source, 'on_expire', 'options') as WatchBudgetsOptions['on_expire'];
    if (this.#onExpire !== undefined && typeof this.#onExpire !== 'function') {
      readOnExpire(this.#onExpire, parts.defaults, 'options.on_expire');
    }
    this.#unlisten = this.#listen();
    void this.#lookAround();
  }

  stop(): void {
    this.#isStopped = true;
    this.#unlisten();
    clearTimeout(this.#round);
    for (const timer of this.#retries) clearTimeout(timer);
    this.#retries.clear();
  }

  /**
   * Usage that this tracker records, and crossings that it tells of. Neither is enough: a crossing is told once, by one
   * process, which may end before it has made the timer.
   */
  #listen(): () => void {
    const tracker = this.#tracker;
    const hearUsage = ({ orchestratorId }: { orchestratorId: string }) => {
      for (const period of this.#periods) this.#look(orchestratorId, period);
    };
    tracker.on('usage:tracked', hearUsage);
    const name = percentOf(this.#at);
    if (!thresholdsOf(tracker).some(threshold => percentOf(threshold) === name)) {
      return () => tracker.off('usage:tracked', hearUsage);
    }
    const event = `threshold:${name}` as const;
    const hear = ({ orchestratorId, period }: { orchestratorId: string; period: BudgetPeriod }) =>
      this.#look(orchestratorId, period);
    tracker.on(event, hear);
    return () => {
      tracker.off('usage:tracked', hearUsage);
      tracker.off(event, hear);
    };
  }

  /** At first and every now and then: what was used before, and what other processes use. Never rejects. */
  async #lookAround(): Promise<void> {
    const known = orchestratorsOf(this.#tracker).flatMap(orchestratorId =>
      [...this.#periods].map(period => ({ orchestratorId, period })),
    );
    for (const { orchestratorId, period } of known) {
      if (this.#isStopped) return;
      try {
        await this.#make(orchestratorId, period);
      } catch (error) {
        const isEnded = error instanceof TokenBudgetError && error.code === 'CLOSED';
        if (this.#isStopped || isEnded) return;
        this.#announcer.emit('error', error);
        if (isPassing(error)) break;
      }
    }
    if (this.#isStopped) return;
    this.#round = setTimeout(() => void this.#lookAround(), ROUND_MS);
    if (typeof this.#round === 'object') this.#round.unref();
  }

  #look(orchestratorId: string, period: BudgetPeriod, delayMs = RETRY_MIN_MS): void {
    if (this.#isStopped || !this.#periods.has(period)) return;
    const key = `${period}:${orchestratorId}`;
    const known = this.#looking.get(key);
    if (known !== undefined) {
      if (known === 'runs') this.#looking.set(key, 'again');
      return;
    }
    this.#looking.set(key, 'begins');
    // A moment later: usage and the threshold that it crosses are told one after the other.
    Promise.resolve()
      .then(() => {
        this.#looking.set(key, 'runs');
        return this.#make(orchestratorId, period);
      })
      .catch(error => this.#failed(error, orchestratorId, period, delayMs))
      .finally(() => {
        const isAsked = this.#looking.get(key) === 'again';
        this.#looking.delete(key);
        if (isAsked) this.#look(orchestratorId, period);
      });
  }

  /** A crossing is told once: what could not be done about it is tried again. */
  #failed(error: unknown, orchestratorId: string, period: BudgetPeriod, delayMs: number): void {
    if (this.#isStopped) return;
    this.#announcer.emit('error', error);
    if (!isPassing(error)) return;
    const timer = setTimeout(() => {
      this.#retries.delete(timer);
      this.#look(orchestratorId, period, Math.min(RETRY_MAX_MS, delayMs * 2));
    }, delayMs);
    if (typeof timer === 'object') timer.unref();
    this.#retries.add(timer);
  }

  async #make(orchestratorId: string, period: BudgetPeriod): Promise<void> {
    const stats = await this.#tracker.getUsageStats(orchestratorId, period);
    if (!this.#isReached(stats)) return;
    const resetsMs = stats.periodEnd.getTime();
    const id = idOf(`budget-reset-${period}`, orchestratorId, String(resetsMs));
    if (this.#done.has(id)) return;
    const spec = this.#specOf(stats);
    const due = { is: 'at', with: resetsMs } as const;
    await make(this.#parts, id, `${orchestratorId} Budget Reset`, due, spec);
    this.#done.add(id);
    if (this.#done.size > DONE_MAX) {
      for (const oldest of this.#done) {
        this.#done.delete(oldest);
        break;
      }
    }
  }

  /** Of tokens or of money, whichever is used more. */
  #isReached({ limit, totalUsed, reservedTokens, percentUsed, cost }: UsageStats): boolean {
    return (
      this.#reaches(totalUsed + reservedTokens, limit, percentUsed) ||
      (cost !== undefined &&
        cost.limit !== null &&
        this.#reaches(microsOf(cost.used) + microsOf(cost.reserved), microsOf(cost.limit), cost.percentUsed))
    );
  }

  #reaches(used: number, limit: number, percentUsed: number): boolean {
    if (limit === Infinity) return false;
    // Of nothing, everything is used.
    return limit === 0 ? percentUsed >= percentOf(this.#at) : reaches(used, limit, this.#at);
  }

  #specOf({ orchestratorId, period, limit, totalUsed, cost, periodEnd }: UsageStats): PatternSpec {
    const { defaults } = this.#parts;
    const budget: BudgetAlmostUsed = {
      ...{ orchestratorId, period, limit, totalUsed, resetsAt: periodEnd },
      ...(cost !== undefined && { cost }),
    };
    const costLimit = cost?.limit ?? undefined;
    const newBudgets = {
      ...((limit !== Infinity || costLimit === undefined) && { newBudget: limit }),
      ...(costLimit !== undefined && { newCostBudget: costLimit }),
    };
    const onExpire = typeof this.#onExpire === 'function' ? this.#onExpire(budget) : this.#onExpire;
    const { webhook, message, dataJson } = readOnExpire(onExpire ?? {}, defaults, 'options.on_expire');
    return {
      name: undefined,
      owner: defaults.owner,
      document: {
        metadataJson: JSON.stringify({ orchestratorId, period }),
        broadcast: undefined,
        webhook,
        message,
        dataJson: dataJson ?? JSON.stringify(newBudgets),
      },
    };
  }
}

/** Whole micro-units: amounts have at most six decimals. */
function microsOf({ amount }: Money): number {
  return Math.round(Number(amount) * 1_000_000);
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof TokenBudgetError && (error.code === 'STORE_UNAVAILABLE' || error.code === 'TIMEOUT')
  );
}
