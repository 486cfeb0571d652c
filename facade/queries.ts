/** The colder operations: their arguments and answers as JSON. */
import type { CheckedOverride, CheckedPause } from './arguments';
import { TokenBudgetError } from './errors';
import { reservationOf } from './events';
import { RawJson, toJson } from './json';
import { moneyOf } from './money';
import { PERIODS, periodName } from './periods';
import { withoutLoneSurrogates } from './text';
import type { BudgetInForce, TokenBudget } from './types/budget';
import type { StoredOverride } from './types/override';
import type { OrchestratorPause } from './types/pause';
import type { TokenReservation } from './types/reservation';
import type { UsageRecord } from './types/usage';

type Limits = ReadonlyArray<number | null>;

/** An override as it stands in the store, and as its listeners and lists show it. */
interface OverrideEntry {
  id: string;
  period: number;
  additionalTokens: number;
  additionalCost: number;
  expiresAtMs: number;
  /** As it stands in the store: anybody may have written it. */
  document: unknown;
}

export function budgetOf(limits: Limits, currency: string): TokenBudget {
  const budget: TokenBudget = {};
  PERIODS.forEach((period, index) => {
    const limit = limits[index];
    if (typeof limit === 'number') budget[period] = limit;
    const cost = limits[PERIODS.length + index];
    if (typeof cost === 'number') budget[`${period}Cost`] = moneyOf(cost, currency);
  });
  return budget;
}

export function budgetInForce(json: string, currency: string): BudgetInForce {
  const answer = JSON.parse(json) as { base: Limits[]; effective: Limits[]; stored: boolean };
  return {
    base: budgetOf(answer.base.flat(), currency),
    effective: budgetOf(answer.effective.flat(), currency),
    source: answer.stored ? 'stored' : 'configured',
  };
}

export function overrideArguments(override: CheckedOverride, currency: string): string {
  const document = {
    id: override.id,
    orchestratorId: override.orchestratorId,
    period: periodName(override.period),
    additionalTokens: override.additionalTokens,
    ...costOf(override.additionalCostMicros, currency),
    reason: override.reason,
    expiresAt: new Date(override.expiresAtMs).toISOString(),
    createdBy: override.createdBy,
    ...(override.metadata === null ? {} : { metadata: new RawJson(override.metadata) }),
  };
  const { id, period, additionalTokens, additionalCostMicros: additionalCost, expiresAtMs } = override;
  const raw = new RawJson(withoutLoneSurrogates(toJson(document)));
  return toJson({ id, period, additionalTokens, additionalCost, expiresAtMs, document: raw });
}

function costOf(micros: number, currency: string): { additionalCost?: { amount: string; currency: string } } {
  return micros === 0 ? {} : { additionalCost: moneyOf(micros, currency) };
}

export function storedOverride(override: CheckedOverride, currency: string): StoredOverride {
  const stored: StoredOverride = {
    id: override.id,
    orchestratorId: override.orchestratorId,
    period: periodName(override.period),
    additionalTokens: override.additionalTokens,
    ...costOf(override.additionalCostMicros, currency),
    reason: override.reason,
    expiresAt: new Date(override.expiresAtMs),
    createdBy: override.createdBy,
  };
  if (override.metadata !== null) stored.metadata = JSON.parse(override.metadata) as Record<string, unknown>;
  return stored;
}

export function overrides(json: string, orchestratorId: string, currency: string): StoredOverride[] {
  const answer = JSON.parse(json) as { overrides: OverrideEntry[] };
  return answer.overrides.map(entry => {
    // The limit is raised whether or not the words about it can be read.
    const document = asObject(entry.document) ?? {};
    const stored: StoredOverride = {
      id: entry.id,
      orchestratorId,
      period: periodName(entry.period),
      additionalTokens: entry.additionalTokens,
      ...costOf(entry.additionalCost, currency),
      reason: words(document, 'reason'),
      expiresAt: new Date(entry.expiresAtMs),
      createdBy: words(document, 'createdBy'),
    };
    const metadata = asObject(member(document, 'metadata'));
    if (metadata !== undefined) stored.metadata = metadata;
    return stored;
  });
}

/** A pause as it stands in the store. */
interface PauseEntry {
  untilMs: number | null;
  sinceMs: number;
  /** Anybody may have written it. */
  document: unknown;
}

export function pauseArguments({ untilMs, reason, pausedBy }: CheckedPause): string {
  const document = { reason: reason ?? undefined, pausedBy: pausedBy ?? undefined };
  return toJson({ untilMs, document: new RawJson(withoutLoneSurrogates(toJson(document))) });
}

export function pause(json: string, orchestratorId: string): OrchestratorPause | null {
  const answer = JSON.parse(json) as { pause: PauseEntry | null };
  return answer.pause === null ? null : pauseOf(answer.pause, orchestratorId);
}

export function pauseOf(entry: PauseEntry, orchestratorId: string): OrchestratorPause {
  const document = asObject(entry.document) ?? {};
  const pause: OrchestratorPause = { orchestratorId, pausedAt: new Date(entry.sinceMs) };
  const [reason, pausedBy] = [member(document, 'reason'), member(document, 'pausedBy')];
  if (typeof reason === 'string') pause.reason = reason;
  if (entry.untilMs !== null) pause.until = new Date(entry.untilMs);
  if (typeof pausedBy === 'string') pause.pausedBy = pausedBy;
  return pause;
}

export function reservations(json: string, orchestratorId: string, currency: string): TokenReservation[] {
  const answer = JSON.parse(json) as {
    reservations: Array<{
      id: string;
      tokens: number;
      periods: number;
      createdAtMs: number;
      expiresAtMs: number;
      costMicros: number;
    }>;
  };
  return answer.reservations.map(({ id, tokens, periods, createdAtMs, expiresAtMs, costMicros }) =>
    reservationOf(id, orchestratorId, tokens, periods, createdAtMs, expiresAtMs, costMicros, currency),
  );
}

const OPTIONAL_MEMBERS = [
  'cacheReadTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'requestId',
  'reservationId',
  'metadata',
] as const satisfies ReadonlyArray<keyof UsageRecord>;

export function history(json: string, orchestratorId: string, currency: string): UsageRecord[] {
  return historyRecords(json).map(value => {
    const entry = asObject(value);
    if (entry === undefined) throw damagedHistory();
    const costMicros = amount(entry, 'costMicros');
    const extras = OPTIONAL_MEMBERS.filter(key => Object.hasOwn(entry, key));
    return {
      orchestratorId,
      sessionId: words(entry, 'sessionId'),
      timestamp: new Date(words(entry, 'timestamp')),
      promptTokens: amount(entry, 'promptTokens'),
      completionTokens: amount(entry, 'completionTokens'),
      totalTokens: amount(entry, 'totalTokens'),
      model: words(entry, 'model'),
      ...Object.fromEntries(extras.map(key => [key, member(entry, key)])),
      ...(Number.isSafeInteger(costMicros) && costMicros > 0 && { cost: moneyOf(costMicros, currency) }),
    };
  });
}

/** The records stand in the answer as they stand in the store. */
function historyRecords(json: string): unknown[] {
  try {
    return (JSON.parse(json) as { records: unknown[] }).records;
  } catch (cause) {
    throw damagedHistory(cause);
  }
}

function damagedHistory(cause?: unknown): TokenBudgetError {
  const message = 'the history holds something that is no record of usage';
  return new TokenBudgetError('STORE_UNAVAILABLE', message, cause === undefined ? {} : { cause });
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function member(entry: object, key: string): unknown {
  return Object.hasOwn(entry, key) ? (entry as Record<string, unknown>)[key] : undefined;
}

function words(entry: object, key: string): string {
  const value = member(entry, key);
  return typeof value === 'string' ? value : '';
}

function amount(entry: object, key: string): number {
  const value = member(entry, key);
  return typeof value === 'number' ? value : 0;
}
