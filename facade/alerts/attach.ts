/** Listens to a tracker, and has checked what it tells. */
import { percentOf } from '../percent';
import { PERIODS } from '../periods';
import { costOfStats } from '../serve/money';
import { TokenBudgetTracker, thresholdsOf } from '../tracker';
import type { BudgetPeriod } from '../types/budget';
import type { UsageStats } from '../types/usage';
import * as check from '../validate';
import type { PausingTracker } from './pauses';
import type { AlertUsage } from './types';

/** What is asked of a tracker: that of this package has it. */
export interface AlertingTracker extends PausingTracker {
  // Listeners are compared in both directions otherwise.
  // biome-ignore lint/suspicious/noExplicitAny: those of a tracker are typed by the name of the event
  on(event: any, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: any, listener: (...args: any[]) => void): unknown;
  getUsageStats(orchestratorId: string, period?: BudgetPeriod): Promise<object>;
}

/** What a window has cost, in one currency. */
export interface AlertCosts {
  used: number;
  /** Default: unlimited. */
  limit?: number;
}

/** How a tracker is listened to. */
export interface AttachOptions {
  /** Windows that alert. Default: all three. */
  periods?: readonly BudgetPeriod[];
  /**
   * Looks at the windows of orchestrators that used something, at most every so many milliseconds, so that also
   * percentages alert that the tracker has no threshold for. Each process that does tells its own alerts: have one of
   * them do it. Default: only the tracker's thresholds are listened to, which are told once across all processes.
   */
  checkEveryMs?: number;
  /** What a window has cost. Default: the `cost` of the tracker's stats, where it has one; else 0. */
  costs?(orchestratorId: string, period: BudgetPeriod): AlertCosts | Promise<AlertCosts>;
  /** Until when auto-pause pauses: until somebody resumes, or the window ends. Default `resumed`. */
  pauseUntil?: 'resumed' | 'window-end';
}

export interface Checked {
  metadata: Record<string, unknown>;
  pauseUntil: Date | undefined;
}

export interface AttachmentHooks {
  isConfigured(orchestratorId: string): boolean;
  check(orchestratorId: string, usage: AlertUsage, context: Checked): Promise<unknown>;
  /** `work` never rejects. */
  underWay(work: Promise<void>): void;
  failed(error: unknown, orchestratorId: string): void;
}

interface Told {
  orchestratorId: string;
  period: BudgetPeriod;
  percentUsed: number;
  currentUsage: number;
  limit: number;
  /** Of trackers with budgets in money. */
  unit?: unknown;
}

const NAMES: ReadonlySet<string> = new Set<keyof AttachOptions>([
  ...(['periods', 'checkEveryMs', 'costs', 'pauseUntil'] as const),
]);
/** Those of trackers that do not tell theirs. */
const THRESHOLDS = [0.5, 0.75, 0.9, 1] as const;
/** Orchestrators that wait to be looked at; the others are when they use something again. */
const DIRTY_MAX = 10_000;
const AT_ONCE = 50;
const CHECK_MAX_MS = 2 ** 31 - 1;

export interface AttachSettings {
  periods: readonly BudgetPeriod[];
  checkEveryMs: number | undefined;
  costs: AttachOptions['costs'] | undefined;
  pausesForWindow: boolean;
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function readAttach(tracker: unknown, options: unknown): AttachSettings {
  const candidate = check.object(tracker, 'tracker') as Partial<AlertingTracker>;
  for (const name of ['on', 'off', 'getUsageStats'] as const) {
    if (typeof candidate[name] !== 'function')
      throw check.invalid('tracker', 'a TokenBudgetTracker', tracker);
  }
  const source = check.object(options, 'options');
  check.onlyNames(source, 'options', NAMES);
  const optional = <T>(key: keyof AttachOptions, reader: (value: unknown, at: string) => T) => {
    const value = check.own(source, key, 'options');
    return value === undefined ? undefined : reader(value, `options.${key}`);
  };
  const periods = optional('periods', (value, at) =>
    check.elements(value, at, 16).map((each, index) => check.oneOf(each, `${at}[${index}]`, PERIODS)),
  );
  return {
    periods: periods ?? PERIODS,
    checkEveryMs: optional('checkEveryMs', (value, at) => check.integer(value, at, 1, CHECK_MAX_MS)),
    costs: optional('costs', (value, at) => {
      if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
      return value as NonNullable<AttachOptions['costs']>;
    }),
    pausesForWindow:
      optional('pauseUntil', (value, at) => check.oneOf(value, at, ['resumed', 'window-end'] as const)) ===
      'window-end',
  };
}

export class Attachment {
  readonly tracker: AlertingTracker;
  readonly #settings: AttachSettings;
  readonly #hooks: AttachmentHooks;
  readonly #events: ReadonlyArray<readonly [name: string, listener: (told: Told) => void]>;
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tracker: AlertingTracker, settings: AttachSettings, hooks: AttachmentHooks) {
    this.tracker = tracker;
    this.#settings = settings;
    this.#hooks = hooks;
    const crossed = (told: Told) => this.#crossed(told);
    const used = ({ orchestratorId }: { orchestratorId: string }) => this.#used(orchestratorId);
    const fractions = tracker instanceof TokenBudgetTracker ? thresholdsOf(tracker) : THRESHOLDS;
    this.#events = [
      ...fractions.map(fraction => [`threshold:${percentOf(fraction)}`, crossed] as const),
      ...(settings.checkEveryMs === undefined
        ? []
        : (['usage:tracked', 'budget:denied', 'reservation:created'] as const).map(
            name => [name, used] as const,
          )),
    ];
    for (const [name, listener] of this.#events) tracker.on(name, listener);
  }

  stop(): void {
    for (const [name, listener] of this.#events) this.tracker.off(name, listener);
    clearTimeout(this.#timer);
    this.#dirty.clear();
  }

  #crossed(told: Told): void {
    const { orchestratorId, period } = told;
    if (!this.#settings.periods.includes(period) || !this.#hooks.isConfigured(orchestratorId)) return;
    this.#hooks.underWay(this.#guarded(orchestratorId, () => this.#check(orchestratorId, period, told)));
  }

  #used(orchestratorId: string): void {
    const { checkEveryMs } = this.#settings;
    if (checkEveryMs === undefined || !this.#hooks.isConfigured(orchestratorId)) return;
    if (this.#dirty.size < DIRTY_MAX) this.#dirty.add(orchestratorId);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#hooks.underWay(this.#look()), checkEveryMs);
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  async #look(): Promise<void> {
    const ids = [...this.#dirty];
    this.#dirty.clear();
    this.#timer = undefined;
    const { periods } = this.#settings;
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const some = ids.slice(from, from + AT_ONCE);
      await Promise.all(
        some.map(id =>
          this.#guarded(id, async () => {
            for (const period of periods) await this.#check(id, period, undefined);
          }),
        ),
      );
    }
  }

  async #guarded(orchestratorId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#hooks.failed(error, orchestratorId);
    }
  }

  /** What was told counts; what else the window says is read beside it, when the store answers. */
  async #check(orchestratorId: string, period: BudgetPeriod, told: Told | undefined): Promise<void> {
    let stats: UsageStats | undefined;
    try {
      stats = (await this.tracker.getUsageStats(orchestratorId, period)) as UsageStats;
    } catch (error) {
      if (told === undefined) throw error;
    }
    const costs = await this.#costs(orchestratorId, period, stats);
    const unit = typeof told?.unit === 'string' ? told.unit : 'tokens';
    const isOfTokens = unit === 'tokens';
    const usage: AlertUsage = {
      tokensUsed: (isOfTokens ? told?.currentUsage : undefined) ?? stats?.totalUsed ?? 0,
      tokensLimit: (isOfTokens ? told?.limit : undefined) ?? stats?.limit ?? Number.POSITIVE_INFINITY,
      costUsed: costs.used,
      costLimit: costs.limit ?? Number.POSITIVE_INFINITY,
      percentageUsed: told?.percentUsed ?? stats?.percentUsed ?? 0,
    };
    const pauseUntil = this.#settings.pausesForWindow ? stats?.periodEnd : undefined;
    const context = { metadata: { period, ...(!isOfTokens && { unit }) }, pauseUntil };
    // Of what is unlimited nothing is used up.
    if (told !== undefined || usage.tokensLimit !== Number.POSITIVE_INFINITY) {
      await this.#hooks.check(orchestratorId, usage, context);
    }
    const cost = told === undefined && stats !== undefined ? costOfStats(stats) : null;
    if (cost === null || cost.limit === null) return;
    // A budget in money is another one, with its own percentage.
    const inMoney = { ...usage, percentageUsed: cost.percentUsed };
    const metadata = { period, unit: 'cost' };
    await this.#hooks.check(orchestratorId, inMoney, { metadata, pauseUntil });
  }

  async #costs(
    orchestratorId: string,
    period: BudgetPeriod,
    stats: UsageStats | undefined,
  ): Promise<AlertCosts> {
    const { costs } = this.#settings;
    if (costs !== undefined) return costs(orchestratorId, period);
    const cost = stats === undefined ? null : costOfStats(stats);
    if (cost === null) return { used: 0 };
    const used = Number(cost.used.amount);
    return cost.limit === null ? { used } : { used, limit: Number(cost.limit.amount) };
  }
}
