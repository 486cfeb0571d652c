/** An alert: copied, as plain data, and read back. */
import type { Plain } from '../json';
import { type AlertLevel, CHANNELS, LEVELS } from './levels';
import type { Alert, AlertEscalation, AlertUsage, BudgetThreshold } from './types';

/** Callers may change what they are given. */
export function copyOf(alert: Alert): Alert {
  const copy: Alert = {
    ...alert,
    threshold: { ...alert.threshold },
    currentUsage: { ...alert.currentUsage },
    channels: [...alert.channels],
    createdAt: new Date(alert.createdAt),
  };
  if (alert.acknowledgedAt !== undefined) copy.acknowledgedAt = new Date(alert.acknowledgedAt);
  if (alert.metadata !== undefined) copy.metadata = { ...alert.metadata };
  if (alert.escalations !== undefined) {
    copy.escalations = alert.escalations.map(({ from, to, at }) => ({ from, to, at: new Date(at) }));
  }
  return copy;
}

/** With dates as ISO 8601 text. What is unlimited is `null` in JSON. */
export function plainOf(alert: Alert): { [key: string]: Plain } {
  const { threshold, currentUsage, createdAt, acknowledgedAt, metadata, escalations, ...rest } = alert;
  return {
    ...rest,
    threshold: { ...threshold },
    currentUsage: { ...currentUsage },
    createdAt: createdAt.toISOString(),
    acknowledgedAt: acknowledgedAt?.toISOString(),
    metadata: metadata as { [key: string]: Plain } | undefined,
    escalations: escalations?.map(({ from, to, at }) => ({ from, to, at: at.toISOString() })),
  };
}

/** What {@link plainOf} made, parsed; `undefined` for anything else. */
export function alertOf(value: unknown): Alert | undefined {
  if (!isRecord(value)) return undefined;
  const { id, orchestratorId, level, title, message, threshold, currentUsage, channels } = value;
  const createdAt = dateOf(value.createdAt);
  const isNamed = [id, orchestratorId, title, message].every(each => typeof each === 'string');
  if (!isNamed || createdAt === undefined || !isLevel(level) || !Array.isArray(channels)) return undefined;
  const checkedThreshold = thresholdOf(threshold);
  const usage = usageOf(currentUsage);
  if (checkedThreshold === undefined || usage === undefined) return undefined;
  const alert: Alert = {
    ...{ id: id as string, orchestratorId: orchestratorId as string, level },
    ...{ title: title as string, message: message as string },
    threshold: checkedThreshold,
    currentUsage: usage,
    channels: CHANNELS.filter(channel => channels.includes(channel)),
    createdAt,
    acknowledged: value.acknowledged === true,
  };
  if (channels.every(channel => CHANNELS.includes(channel))) alert.channels = [...channels];
  if (typeof value.acknowledgedBy === 'string') alert.acknowledgedBy = value.acknowledgedBy;
  if (typeof value.acknowledgmentNote === 'string') alert.acknowledgmentNote = value.acknowledgmentNote;
  const acknowledgedAt = dateOf(value.acknowledgedAt);
  if (acknowledgedAt !== undefined) alert.acknowledgedAt = acknowledgedAt;
  if (typeof value.autoPauseTriggered === 'boolean') alert.autoPauseTriggered = value.autoPauseTriggered;
  if (isRecord(value.metadata)) alert.metadata = { ...value.metadata };
  if (Array.isArray(value.escalations)) alert.escalations = value.escalations.flatMap(escalationOf);
  return alert;
}

function thresholdOf(value: unknown): BudgetThreshold | undefined {
  if (!isRecord(value) || typeof value.percentage !== 'number' || !isLevel(value.level)) return undefined;
  const threshold: BudgetThreshold = { percentage: value.percentage, level: value.level };
  if (typeof value.autoPause === 'boolean') threshold.autoPause = value.autoPause;
  if (typeof value.messageTemplate === 'string') threshold.messageTemplate = value.messageTemplate;
  return threshold;
}

const AMOUNTS = ['tokensUsed', 'tokensLimit', 'percentageUsed', 'costUsed', 'costLimit'] as const;

function usageOf(value: unknown): AlertUsage | undefined {
  if (!isRecord(value)) return undefined;
  const usage: Partial<AlertUsage> = {};
  for (const name of AMOUNTS) {
    const amount = value[name] === null ? Number.POSITIVE_INFINITY : value[name];
    if (typeof amount !== 'number') return undefined;
    usage[name] = amount;
  }
  return usage as AlertUsage;
}

function escalationOf(value: unknown): AlertEscalation[] {
  const at = isRecord(value) ? dateOf(value.at) : undefined;
  if (!isRecord(value) || at === undefined || !isLevel(value.from) || !isLevel(value.to)) return [];
  return [{ from: value.from, to: value.to, at }];
}

function dateOf(value: unknown): Date | undefined {
  const date = typeof value === 'string' ? new Date(value) : undefined;
  return date !== undefined && Number.isFinite(date.getTime()) ? date : undefined;
}

function isLevel(value: unknown): value is AlertLevel {
  return LEVELS.includes(value as AlertLevel);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
