/** What the store tells of a limiter, in the words of its users. */
import type {
  LimitStatus,
  ProviderQuota,
  RateLimitName,
  RateLimitStatus,
  RateLimits,
  RequestVerdict,
  WaitReason,
} from '../types/rate-limit';
import { KINDS } from './config';
import type { WireReason, WireRule, WireVerdict, WireView } from './wire';

const PPM = 1_000_000;
const QUOTA_UNITS = ['requests', 'inputTokens', 'outputTokens', 'tokens'] as const;

/** The name a rule has in {@link RateLimits}. */
export function ruleName(rule: Pick<WireRule, 'unit' | 'windowMs'>): Exclude<RateLimitName, 'concurrent'> {
  for (const name of Object.keys(KINDS) as Array<keyof typeof KINDS>) {
    if (KINDS[name].unit === rule.unit && KINDS[name].windowMs === rule.windowMs) return name;
  }
  return 'rpm';
}

export function reasonOf(reason: WireReason, rules: ReadonlyArray<RateLimitName>): WaitReason {
  switch (reason.is) {
    case 'rule':
      return rules[reason.with] ?? 'rpm';
    case 'concurrency':
      return 'concurrent';
    case 'remaining':
      return 'provider';
    default:
      return reason.is;
  }
}

export function verdictOf(verdict: WireVerdict, rules: ReadonlyArray<RateLimitName>): RequestVerdict {
  switch (verdict.is) {
    case 'now':
      return { allowed: true, verdict: 'now', waitMs: 0, reason: null, limit: null };
    case 'wait': {
      const { waitMs, reason } = verdict.with;
      return { allowed: false, verdict: 'wait', waitMs, reason: reasonOf(reason, rules), limit: null };
    }
    case 'never': {
      const { reason, limit } = verdict.with;
      return { allowed: false, verdict: 'never', waitMs: Infinity, reason: reasonOf(reason, rules), limit };
    }
  }
}

export function limitsOf(view: WireView): RateLimits {
  const limits: RateLimits = {};
  for (const rule of view.terms.rules) limits[ruleName(rule)] = rule.limit;
  if (view.terms.concurrency !== null) limits.concurrent = view.terms.concurrency.limit;
  return limits;
}

/** What of a rule is used in its window. */
export function usedOf(view: WireView, rule: WireRule): number {
  const used = view.windows.find(window => window.windowMs === rule.windowMs)?.used;
  if (used === undefined) return 0;
  return rule.unit === 'tokens' ? used.inputTokens + used.outputTokens : used[rule.unit];
}

export function statusOf(view: WireView): RateLimitStatus {
  const limits: RateLimitStatus['limits'] = {};
  for (const rule of view.terms.rules) {
    limits[ruleName(rule)] = limitStatus(rule, usedOf(view, rule), rule.windowMs);
  }
  const { concurrency } = view.terms;
  if (concurrency !== null) limits.concurrent = limitStatus(concurrency, view.underWay.requests, null);
  const provider: RateLimitStatus['provider'] = {};
  QUOTA_UNITS.forEach((unit, index) => {
    const quota = view.quotas[index];
    if (quota !== undefined && quota.resetsAtMs > view.nowMs) provider[unit] = quotaOf(quota);
  });
  return {
    limits,
    provider,
    underWay: view.underWay.requests,
    waiting: view.waiting,
    pausedUntil: view.pausedUntilMs > view.nowMs ? new Date(view.pausedUntilMs) : null,
    pausedBy: view.pausedBy,
    hits: view.hits,
    agents: view.agents.map(({ agent, sharePpm, used, waiting }) => ({
      agent,
      share: sharePpm / PPM,
      waiting,
      requests: used.requests,
    })),
  };
}

function limitStatus(
  { limit, ordinary }: { limit: number; ordinary: number },
  used: number,
  windowMs: number | null,
): LimitStatus {
  return { limit, ordinary, used, remaining: Math.max(0, ordinary - used), windowMs };
}

function quotaOf(quota: { limit: number; left: number; resetsAtMs: number }): ProviderQuota {
  return {
    limit: quota.limit === 0 ? null : quota.limit,
    remaining: quota.left,
    resetsAt: new Date(quota.resetsAtMs),
  };
}
