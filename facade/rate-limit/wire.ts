/** What crosses to the addon about limiters, as `src/domain/rate_limit/operation.rs` names it. */
import type { ProviderSignals, SignalHit, SignalUnit } from '../providers';
import { believedReadings } from '../providers/believed';

export const PRIORITIES = ['critical', 'normal', 'low'] as const;

export type WireReason =
  | { is: 'rule'; with: number }
  | { is: 'remaining'; with: SignalUnit }
  | { is: 'concurrency' | 'pacing' | 'cooldown' | 'probe' | 'line' | 'share' };

export type WireVerdict =
  | { is: 'now' }
  | { is: 'wait'; with: { waitMs: number; reason: WireReason } }
  | { is: 'never'; with: { reason: WireReason; limit: number } };

export interface WireAmounts {
  requests: number;
  inputTokens: number;
  outputTokens: number;
}

export interface WireGrant {
  id: string;
  admittedAtMs: number;
  expiresAtMs: number;
}

export interface WireQuota {
  limit: number;
  left: number;
  resetsAtMs: number;
  seenAtMs: number;
}

export interface WireRule {
  unit: SignalUnit;
  windowMs: number;
  limit: number;
  ordinary: number;
}

export interface WireView {
  nowMs: number;
  terms: {
    rules: WireRule[];
    concurrency: { limit: number; ordinary: number } | null;
    pauseUs: number;
  };
  isSet: boolean;
  windows: Array<{ windowMs: number; used: WireAmounts; parts: Array<[part: number, counted: WireAmounts]> }>;
  quotas: [WireQuota, WireQuota, WireQuota, WireQuota];
  underWay: WireAmounts;
  waiting: number;
  pausedUntilMs: number;
  hits: number;
  pausedBy: 'rate' | 'quota' | null;
  nextAdmissionUs: number;
  agents: Array<{ agent: string; sharePpm: number; used: WireAmounts; waiting: number }>;
}

export type WireOutcome =
  | { is: 'verdict'; with: WireVerdict }
  | { is: 'granted'; with: WireGrant }
  | { is: 'refused'; with: WireVerdict }
  | { is: 'lineFull' }
  | { is: 'cancelled'; with: { known: boolean } }
  | { is: 'done'; with: boolean }
  | { is: 'view'; with: WireView }
  | { is: 'learned'; with: Array<[string, number]> };

export type WireSignals = {
  sentAtMs: number;
  readings: Array<
    [SignalUnit, { limit: number | null; remaining: number; resetsAtMs: number; sentAtMs: number }]
  >;
  hit: {
    kind: 'rate' | 'quota';
    retryAfterMs: number | null;
    jitter: number;
    leastMs: number;
  } | null;
  isSuccess: boolean;
};

/** GitHub asks for a minute at least after a secondary limit that names no time. */
const SECONDARY_MIN_MS = 60_000;

function leastPauseMs({ kind, retryAfterMs = 0 }: SignalHit): number {
  return kind === 'secondary' && retryAfterMs <= 0 ? SECONDARY_MIN_MS : 0;
}

/** As the age of a request: nobody knows when it left. */
const UNKNOWN_AGE_MS = Number.MAX_SAFE_INTEGER;

/**
 * What a response says, for the addon, which turns durations into instants of the store's clock. `ageMs`: how
 * long ago its request left.
 */
export function wireSignals(signals: ProviderSignals, ageMs: number = UNKNOWN_AGE_MS): WireSignals {
  const readings = believedReadings(signals.provider, signals.readings, signals.hit);
  return {
    sentAtMs: ageMs,
    readings: readings.map(({ unit, limit, remaining, resetInMs }) => [
      unit,
      { limit: limit ?? null, remaining, resetsAtMs: Math.ceil(resetInMs), sentAtMs: ageMs },
    ]),
    hit:
      signals.hit === undefined
        ? null
        : {
            kind: signals.hit.kind === 'quota' ? 'quota' : 'rate',
            retryAfterMs: signals.hit.retryAfterMs ?? null,
            jitter: Math.floor(Math.random() * 1001),
            leastMs: leastPauseMs(signals.hit),
          },
    isSuccess: signals.isSuccess,
  };
}
