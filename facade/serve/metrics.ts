import { type PrometheusOptions, type PrometheusSample, PrometheusText } from '../rate-limit/prometheus';
import type { TrackerCounters } from './counters';
import type { OrchestratorView, Snapshot, WindowView } from './snapshot';

const PREFIX = 'token_budget';
const OWN_LABELS: ReadonlySet<string> = new Set([
  ...(['orchestrator', 'period', 'model', 'source', 'threshold', 'unit', 'currency'] as const),
]);

type Labels = Array<readonly [string, string]>;

/**
 * A snapshot, and what was counted, in Prometheus's text format 0.0.4 (`text/plain; version=0.0.4`). While the
 * store is away `token_budget_up` is 0, and no window is told: an old number would look like a new one.
 */
export function trackerMetricsText(
  snapshot: Snapshot,
  counters: TrackerCounters | null,
  options: PrometheusOptions = {},
): string {
  const text = new PrometheusText(options, PREFIX, OWN_LABELS);
  const windows = snapshot.orchestrators.flatMap(one => one.windows.map(window => ({ one, window })));
  const gauge = (name: string, help: string, value: (window: WindowView) => number | null) =>
    text.samples(name, 'gauge', help, samplesOf(windows, value));

  text.gauge('up', 'Whether the store answered.', snapshot.storeUp ? 1 : 0);
  gauge('used_tokens', 'Tokens recorded in the current window.', window => window.usedTokens);
  gauge('reserved_tokens', 'Tokens held for calls in flight.', window => window.reservedTokens);
  gauge('limit_tokens', 'Limit with live overrides; absent when unlimited.', window => window.limitTokens);
  gauge('remaining_tokens', 'What is left; absent when unlimited.', ({ remainingTokens }) => remainingTokens);
  gauge('used_ratio', 'Used and reserved tokens, over the limit; absent when unlimited.', window =>
    window.limitTokens === null ? null : window.percentUsed / 100,
  );
  gauge('active_reservations', 'Reservations that hold tokens.', window => window.activeReservations);
  gauge('window_end_timestamp_seconds', 'When the current window ends.', window => secondsOf(window.endsAt));
  const costs = windows.filter(({ window }) => window.cost !== null);
  const money = (name: string, help: string, key: 'used' | 'reserved' | 'limit' | 'remaining') =>
    text.samples(
      name,
      'gauge',
      help,
      costs.flatMap(({ one, window }): PrometheusSample[] => {
        const amount = window.cost?.[key];
        if (amount === undefined || amount === null) return [];
        return [[[...labelsOf(one, window), ['currency', amount.currency]], Number(amount.amount)]];
      }),
    );
  money('used_cost', 'Money spent in the current window, in units of the currency.', 'used');
  money('reserved_cost', 'Money held for calls in flight, in units of the currency.', 'reserved');
  money('limit_cost', 'Limit in money; absent when none is known.', 'limit');
  money('remaining_cost', 'What is left of the money; absent when no limit is known.', 'remaining');
  gauge(
    'used_cost_ratio',
    'Used and reserved money, over its limit; absent when none is known.',
    ({ cost }) => (cost === null || cost.limit === null ? null : cost.percentUsed / 100),
  );
  text.samples(
    'model_used_tokens',
    'gauge',
    'Tokens of the five models that used most in the current window.',
    windows.flatMap(({ one, window }) =>
      window.topModels.map(
        ({ model, tokens }): PrometheusSample => [[...labelsOf(one, window), ['model', model]], tokens],
      ),
    ),
  );
  text.samples(
    'paused',
    'gauge',
    'Whether the orchestrator is paused.',
    snapshot.orchestrators.map((one): PrometheusSample => [nameOf(one), one.pause === null ? 0 : 1]),
  );
  if (counters !== null) {
    const counter = (name: string, help: string, samples: readonly PrometheusSample[]) =>
      text.samples(name, 'counter', help, samples);
    counter('recorded_tokens_total', 'Tokens recorded through this process.', counters.recorded.samples());
    counter('denied_total', 'Checks and reservations refused in this process.', counters.denied.samples());
    counter('threshold_crossings_total', 'Thresholds crossed, in percent.', counters.crossings.samples());
    counter('reservations_expired_total', 'Reservations nobody released.', counters.expired.samples());
  }
  return text.toString();
}

function samplesOf(
  windows: ReadonlyArray<{ one: OrchestratorView; window: WindowView }>,
  value: (window: WindowView) => number | null,
): PrometheusSample[] {
  return windows.flatMap(({ one, window }): PrometheusSample[] => {
    const number = value(window);
    return number === null ? [] : [[labelsOf(one, window), number]];
  });
}

function labelsOf(one: OrchestratorView, window: WindowView): Labels {
  return [...nameOf(one), ['period', window.period]];
}

function nameOf({ orchestratorId }: OrchestratorView): Labels {
  return [['orchestrator', orchestratorId]];
}

function secondsOf(instant: string): number {
  return Date.parse(instant) / 1000;
}
