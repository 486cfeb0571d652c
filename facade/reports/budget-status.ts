import type { BudgetPeriod } from '../types/budget';
import type { Anomaly, AnomalyDetectionConfig, BudgetStatus } from '../types/reports';
import { slotEnd, slotStart } from './calendar';
import type { UsageSource } from './source';

/** A limit that a status was asked for. */
export interface KnownLimit {
  orchestratorId: string;
  period: BudgetPeriod;
  limit: number;
}

export async function budgetStatus(
  source: UsageSource,
  { orchestratorId, period, limit }: KnownLimit,
  config: AnomalyDetectionConfig,
  nowMs: number,
  timeZone: string,
): Promise<BudgetStatus> {
  const startMs = slotStart(nowMs, period, timeZone);
  const sums = await source.read({ orchestratorId, startMs, endMs: nowMs }, view => view.sums('none'));
  const used = sums.reduce((sum, { total }) => sum + total, 0);
  const percentage = limit === 0 ? 100 : (used / limit) * 100;
  return {
    ...{ orchestratorId, period, limit, used, remaining: Math.max(0, limit - used), percentage },
    status: statusOf(percentage, config),
    resetAt: new Date(slotEnd(startMs, period, timeZone)),
  };
}

function statusOf(percentage: number, config: AnomalyDetectionConfig): BudgetStatus['status'] {
  if (percentage >= 100) return 'exceeded';
  if (percentage >= config.budgetCriticalThreshold * 100) return 'critical';
  return percentage >= config.budgetWarningThreshold * 100 ? 'warning' : 'healthy';
}

/** `undefined`: the limit is kept. */
export function budgetAnomaly(status: BudgetStatus, nowMs: number): Anomaly | undefined {
  const { orchestratorId, period, limit, used, percentage, resetAt } = status;
  if (status.status !== 'exceeded' || used <= limit) return undefined;
  return {
    ...{ id: `budget-${orchestratorId}-${period}-${resetAt.getTime()}`, orchestratorId },
    ...{
      timestamp: new Date(nowMs),
      type: 'budget_exceeded',
      severity: percentage >= 120 ? 'critical' : 'high',
    },
    description: `The ${period} budget is exceeded: ${used} of ${limit} tokens`,
    ...{ actualValue: used, expectedValue: limit },
    deviationPercentage: limit === 0 ? 100 : ((used - limit) / limit) * 100,
    metadata: { period, resetAt: resetAt.toISOString() },
  };
}

const LIMITS_MAX = 10_000;

/** The limits that statuses were asked for lately: anomalies are looked for in their windows too. */
export class KnownLimits {
  readonly #limits = new Map<string, Map<BudgetPeriod, number>>();

  learn({ orchestratorId, period, limit }: KnownLimit): void {
    const limits = this.#limits.get(orchestratorId) ?? new Map<BudgetPeriod, number>();
    this.#limits.delete(orchestratorId);
    this.#limits.set(orchestratorId, limits.set(period, limit));
    if (this.#limits.size <= LIMITS_MAX) return;
    for (const oldest of this.#limits.keys()) {
      this.#limits.delete(oldest);
      break;
    }
  }

  of(orchestratorId: string): KnownLimit[] {
    const limits = this.#limits.get(orchestratorId) ?? [];
    return [...limits].map(([period, limit]) => ({ orchestratorId, period, limit }));
  }
}
