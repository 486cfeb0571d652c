/** What the page, `/api/snapshot`, `/metrics` and the command line show of a tracker. */
import { percentOf } from '../percent';
import { PERIODS } from '../periods';
import { type TokenBudgetTracker, thresholdsOf } from '../tracker';
import type { BudgetPeriod } from '../types/budget';
import type { StoredOverride } from '../types/override';
import type { TokenReservation } from '../types/reservation';
import type { UsageStats } from '../types/usage';
import { type CostView, costOfStats, type ShownMoney, shownMoney } from './money';

/** One window of one orchestrator. Tokens are exact integers, instants ISO 8601. */
export interface WindowView {
  period: BudgetPeriod;
  usedTokens: number;
  reservedTokens: number;
  /** With live overrides; `null`: unlimited. */
  limitTokens: number | null;
  remainingTokens: number | null;
  /** Of the tokens: `(used + reserved) / limit * 100`; 0 when unlimited. */
  percentUsed: number;
  /** The limit of which most is used; `null`: none is known. */
  tightest: TightestLimit | null;
  activeReservations: number;
  startsAt: string;
  endsAt: string;
  promptTokens: number;
  completionTokens: number;
  topModels: Array<{ model: string; tokens: number }>;
  cost: CostView | null;
}

/** Tokens and money are limited side by side: the one that is used more decides how near the end is. */
export interface TightestLimit {
  by: 'tokens' | 'cost';
  percentUsed: number;
}

export interface ReservationView {
  id: string;
  tokens: number;
  /** Money held beside the tokens. */
  cost: ShownMoney | null;
  periods: BudgetPeriod[];
  createdAt: string;
  expiresAt: string;
}

export interface OverrideView {
  id: string;
  period: BudgetPeriod;
  additionalTokens: number;
  /** Money instead of tokens. */
  additionalCost: ShownMoney | null;
  reason: string;
  createdBy: string;
  expiresAt: string;
}

export interface PauseView {
  reason: string | null;
  pausedBy: string | null;
  until: string | null;
}

export interface OrchestratorView {
  orchestratorId: string;
  /** Shortest period first. */
  windows: WindowView[];
  /** Soonest expiry first; at most as many as were asked for. */
  reservations: ReservationView[];
  /** Soonest expiry first. */
  overrides: OverrideView[];
  pause: PauseView | null;
}

export interface Snapshot {
  /** By the clock of this process. */
  at: string;
  /** Whether the store answered; if not, the rest is empty and `failure` says why. */
  storeUp: boolean;
  failure: string | null;
  /** Percentages, ascending. */
  thresholds: number[];
  orchestrators: OrchestratorView[];
  /** Orchestrators beyond the bound, which are not shown. */
  leftOut: number;
}

export interface SnapshotOptions {
  /** Orchestrators looked at; the rest is counted as `leftOut`. */
  orchestratorsMax?: number;
  /** Reservations told of each. 0 tells none, and no overrides either. */
  reservationsMax?: number;
}

const ORCHESTRATORS_MAX = 500;
const RESERVATIONS_MAX = 50;
/** Orchestrators that are asked for at once. */
const BATCH = 50;

/** Never rejects: a store that is away is something to show. */
export async function readSnapshot(
  tracker: TokenBudgetTracker,
  ids: readonly string[],
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  const { orchestratorsMax = ORCHESTRATORS_MAX, reservationsMax = RESERVATIONS_MAX } = options;
  const shown = ids.slice(0, orchestratorsMax);
  const orchestrators: OrchestratorView[] = [];
  let failure: string | null = null;
  try {
    for (let from = 0; from < shown.length; from += BATCH) {
      const batch = shown.slice(from, from + BATCH);
      orchestrators.push(...(await Promise.all(batch.map(id => readOne(tracker, id, reservationsMax)))));
    }
    if (shown.length === 0 && !(await tracker.healthCheck())) failure = 'The store does not answer';
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  return {
    at: new Date().toISOString(),
    storeUp: failure === null,
    failure,
    thresholds: thresholdsOf(tracker).map(percentOf),
    orchestrators: failure === null ? orchestrators : [],
    leftOut: ids.length - shown.length,
  };
}

/** Of one orchestrator; rejects as the tracker does. */
export async function readOne(
  tracker: TokenBudgetTracker,
  orchestratorId: string,
  reservationsMax = RESERVATIONS_MAX,
): Promise<OrchestratorView> {
  const lists = reservationsMax > 0;
  const [windows, reservations, overrides, pause] = await Promise.all([
    Promise.all(PERIODS.map(period => tracker.getUsageStats(orchestratorId, period))),
    lists ? tracker.listReservations(orchestratorId, { limit: reservationsMax }) : [],
    lists ? tracker.listOverrides(orchestratorId) : [],
    readPause(tracker, orchestratorId),
  ]);
  return {
    orchestratorId,
    windows: windows.map(windowView),
    reservations: reservations.map(reservationView),
    overrides: overrides.map(overrideView),
    pause,
  };
}

/** A tracker that knows no pause has none. */
async function readPause(tracker: TokenBudgetTracker, orchestratorId: string): Promise<PauseView | null> {
  const pausing = tracker as unknown as { getPause?: (id: string) => Promise<unknown> };
  if (typeof pausing.getPause !== 'function') return null;
  const pause = (await pausing.getPause(orchestratorId)) as Record<string, unknown> | null | undefined;
  if (typeof pause !== 'object' || pause === null) return null;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return {
    reason: text(pause.reason),
    pausedBy: text(pause.pausedBy),
    until: pause.until instanceof Date ? pause.until.toISOString() : text(pause.until),
  };
}

function windowView(stats: UsageStats): WindowView {
  const cost = costOfStats(stats);
  return {
    period: stats.period,
    usedTokens: stats.totalUsed,
    reservedTokens: stats.reservedTokens,
    limitTokens: finite(stats.limit),
    remainingTokens: finite(stats.remaining),
    percentUsed: stats.percentUsed,
    tightest: tightestOf(stats, cost),
    activeReservations: stats.activeReservations,
    startsAt: stats.periodStart.toISOString(),
    endsAt: stats.periodEnd.toISOString(),
    promptTokens: stats.breakdown.promptTokens,
    completionTokens: stats.breakdown.completionTokens,
    topModels: stats.topModels.map(({ model, tokens }) => ({ model, tokens })),
    cost,
  };
}

function tightestOf({ limit, percentUsed }: UsageStats, cost: CostView | null): TightestLimit | null {
  const tokens = Number.isFinite(limit) ? ({ by: 'tokens', percentUsed } as const) : null;
  if (cost === null || cost.limit === null) return tokens;
  if (tokens !== null && tokens.percentUsed >= cost.percentUsed) return tokens;
  return { by: 'cost', percentUsed: cost.percentUsed };
}

export function reservationView(reservation: TokenReservation): ReservationView {
  return {
    id: reservation.id,
    tokens: reservation.tokens,
    cost: shownMoney(reservation.cost),
    periods: reservation.periods ?? [reservation.period],
    createdAt: reservation.createdAt.toISOString(),
    expiresAt: reservation.expiresAt.toISOString(),
  };
}

export function overrideView(override: StoredOverride): OverrideView {
  return {
    id: override.id,
    period: override.period,
    additionalTokens: override.additionalTokens,
    additionalCost: shownMoney(override.additionalCost),
    reason: override.reason,
    createdBy: override.createdBy,
    expiresAt: override.expiresAt.toISOString(),
  };
}

function finite(tokens: number): number | null {
  return Number.isFinite(tokens) ? tokens : null;
}
