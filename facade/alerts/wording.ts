/** What alerts say. The words are those of the published module: programs look for them. */
import type { AlertLevel } from './levels';
import type { Alert, AlertUsage, BudgetThreshold } from './types';

export function titleOf(level: AlertLevel, usage: AlertUsage): string {
  return `[${level.toUpperCase()}] Budget Alert: ${percentage(usage)} Used`;
}

export function messageOf(threshold: BudgetThreshold, usage: AlertUsage): string {
  if (threshold.messageTemplate) return filled(threshold.messageTemplate, numbersOf(threshold, usage));
  return `Budget usage has reached ${percentage(usage)} (${tokens(usage)} tokens). Cost: ${costs(usage)}`;
}

/** `{name}` stands for its value; names without one for nothing. */
export function filled(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_found, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : '',
  );
}

export function numbersOf(
  threshold: BudgetThreshold,
  { percentageUsed, tokensUsed, tokensLimit, costUsed, costLimit }: AlertUsage,
): Record<string, number> {
  return {
    percentage: percentageUsed,
    tokensUsed,
    tokensLimit,
    costUsed,
    costLimit,
    threshold: threshold.percentage,
  };
}

/** `82.5%` */
export function percentage({ percentageUsed }: AlertUsage): string {
  return `${percentageUsed.toFixed(1)}%`;
}

/** `8,250 / 10,000`, as this host writes numbers. */
export function tokens({ tokensUsed, tokensLimit }: AlertUsage): string {
  return `${tokensUsed.toLocaleString()} / ${tokensLimit.toLocaleString()}`;
}

/** `$8.25 / $10.00`, `$8.25 / $\u221e` without a limit. */
export function costs({ costUsed, costLimit }: AlertUsage): string {
  const limit = costLimit === Number.POSITIVE_INFINITY ? '\u221e' : costLimit.toFixed(2);
  return `$${costUsed.toFixed(2)} / $${limit}`;
}

export function smsText({ currentUsage, level }: Alert): string {
  return `Budget Alert: ${percentage(currentUsage)} used. Level: ${level.toUpperCase()}`;
}
