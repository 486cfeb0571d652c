import { asConfig } from '../config/store';
import { TokenBudgetError } from '../errors';
import { percentOf } from '../percent';
import { PERIODS } from '../periods';
import { orchestratorsOf, TokenBudgetTracker, thresholdsOf } from '../tracker';
import type { BudgetDeniedEvent, BudgetThresholdEvent } from '../types/events';
import type { TokenUsage } from '../types/usage';
import * as check from '../validate';
import type { MetricAttributes, TelemetryMeter } from './meter';
import { providerOfModel } from './provider';

/** How {@link instrumentTracker} reports. */
export interface InstrumentOptions {
  /** Default: the meter of the global provider of `@opentelemetry/api`, which has to be installed then. */
  meter?: TelemetryMeter;
  /** `gen_ai.operation.name`. Default `chat`. */
  operationName?: string;
  /** `gen_ai.provider.name`: always this, or of each usage. Default: guessed from the model's name. */
  providerName?: string | ((usage: TokenUsage) => string);
  /** Whether the orchestrator is an attribute of every metric: as many series as there are orchestrators. Default `true`. */
  orchestrators?: boolean;
  /** Put on everything. */
  attributes?: MetricAttributes;
}

/** Of the specification, for `gen_ai.client.token.usage`. */
const TOKEN_BUCKETS = [
  ...[1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
  67_108_864,
];
const METER_NAME = '@wundr.io/token-budget';
/** Orchestrators whose windows are told at each collection. */
const WINDOWS_MAX = 500;
const NAMES: ReadonlySet<string> = new Set([
  ...(['meter', 'operationName', 'providerName', 'orchestrators', 'attributes'] as const),
]);

/**
 * Reports what a tracker does to OpenTelemetry, under the names of the semantic conventions for generative AI where
 * they have one (`gen_ai.client.token.usage`, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, which
 * are in development), else under `token_budget.`. Answers a function that ends it. Throws `INVALID_CONFIG`, naming
 * the field.
 *
 * @example
 * ```ts
 * const stop = instrumentTracker(tracker, { providerName: 'aws.bedrock' });
 * ```
 */
export function instrumentTracker(tracker: TokenBudgetTracker, options: InstrumentOptions = {}): () => void {
  const settings = asConfig(() => readInstrumentOptions(tracker, options));
  const { meter } = settings;
  const usage = meter.createHistogram('gen_ai.client.token.usage', {
    description: 'Number of input and output tokens used.',
    unit: '{token}',
    advice: { explicitBucketBoundaries: [...TOKEN_BUCKETS] },
  });
  const recorded = meter.createCounter('token_budget.recorded', {
    description: 'Tokens counted against budgets, attributed or not.',
    unit: '{token}',
  });
  const denied = meter.createCounter('token_budget.denied', {
    description: 'Checks and reservations that were refused.',
    unit: '{request}',
  });
  const crossings = meter.createCounter('token_budget.threshold.crossings', {
    description: 'Thresholds that were crossed.',
    unit: '{crossing}',
  });
  const whose = (orchestratorId: string): MetricAttributes => ({
    ...settings.attributes,
    ...(settings.orchestrators && { 'token_budget.orchestrator.id': orchestratorId }),
  });

  const onTracked = (tracked: TokenUsage) => {
    const model = tracked.model || 'unknown';
    const attributes = {
      ...whose(tracked.orchestratorId),
      'gen_ai.operation.name': settings.operationName,
      'gen_ai.provider.name': settings.providerOf(tracked),
      'gen_ai.request.model': model,
    };
    recorded.add(tracked.totalTokens, { ...whose(tracked.orchestratorId), 'gen_ai.request.model': model });
    // Tokens that nobody told apart are no input and no output: the convention forbids to guess.
    if (tracked.promptTokens > 0) {
      usage.record(tracked.promptTokens, { ...attributes, 'gen_ai.token.type': 'input' });
    }
    if (tracked.completionTokens > 0) {
      usage.record(tracked.completionTokens, { ...attributes, 'gen_ai.token.type': 'output' });
    }
  };
  const onDenied = ({ orchestratorId, period, source }: BudgetDeniedEvent) =>
    denied.add(1, { ...whose(orchestratorId), 'token_budget.period': period, 'token_budget.source': source });
  const onCrossed = ({ orchestratorId, period, threshold, unit }: BudgetThresholdEvent) =>
    crossings.add(1, {
      ...whose(orchestratorId),
      'token_budget.period': period,
      'token_budget.threshold': threshold,
      'token_budget.threshold.unit': unit ?? 'tokens',
    });

  const thresholds = thresholdsOf(tracker).map(fraction => `threshold:${percentOf(fraction)}` as const);
  tracker.on('usage:tracked', onTracked).on('budget:denied', onDenied);
  for (const name of thresholds) tracker.on(name, onCrossed);
  const stopWindows = settings.orchestrators ? observeWindows(tracker, meter, whose) : () => {};
  return () => {
    tracker.off('usage:tracked', onTracked).off('budget:denied', onDenied);
    for (const name of thresholds) tracker.off(name, onCrossed);
    stopWindows();
  };
}

/** Windows are asked for when metrics are collected. A store that is away has none to tell. */
function observeWindows(
  tracker: TokenBudgetTracker,
  meter: TelemetryMeter,
  whose: (orchestratorId: string) => MetricAttributes,
): () => void {
  const gauge = (name: string, description: string) =>
    meter.createObservableGauge(`token_budget.window.${name}`, { description, unit: '{token}' });
  const used = gauge('used', 'Tokens recorded in the current window.');
  const reserved = gauge('reserved', 'Tokens held for calls in flight.');
  const limit = gauge('limit', 'Limit with live overrides; not told when unlimited.');
  const gauges = [used, reserved, limit];
  const observe = async (result: {
    observe(gauge: unknown, value: number, attributes: MetricAttributes): void;
  }) => {
    try {
      const ids = orchestratorsOf(tracker).slice(-WINDOWS_MAX);
      const all = await Promise.all(
        ids.flatMap(id => PERIODS.map(period => tracker.getUsageStats(id, period))),
      );
      for (const stats of all) {
        const attributes = { ...whose(stats.orchestratorId), 'token_budget.period': stats.period };
        result.observe(used, stats.totalUsed, attributes);
        result.observe(reserved, stats.reservedTokens, attributes);
        if (Number.isFinite(stats.limit)) result.observe(limit, stats.limit, attributes);
      }
    } catch {
      // Told as a gap.
    }
  };
  meter.addBatchObservableCallback(observe, gauges);
  return () => meter.removeBatchObservableCallback(observe, gauges);
}

function readInstrumentOptions(tracker: unknown, options: unknown) {
  if (!(tracker instanceof TokenBudgetTracker)) {
    throw check.invalid('tracker', 'a TokenBudgetTracker', tracker);
  }
  const source = check.object(options, 'options');
  check.onlyNames(source, '', NAMES);
  const field = (key: string) => check.own(source, key, '');
  const providerName = field('providerName');
  if (!['undefined', 'string', 'function'].includes(typeof providerName)) {
    throw check.invalid('providerName', 'a string or a function', providerName);
  }
  const operationName = field('operationName');
  const orchestrators = field('orchestrators');
  const attributes = field('attributes');
  return {
    meter: readMeter(field('meter')),
    operationName:
      operationName === undefined ? 'chat' : check.text(operationName, 'operationName', 256, 'well-formed'),
    orchestrators: orchestrators === undefined ? true : check.boolean(orchestrators, 'orchestrators'),
    attributes:
      attributes === undefined ? {} : { ...(check.object(attributes, 'attributes') as MetricAttributes) },
    providerOf:
      typeof providerName === 'function'
        ? (providerName as (usage: TokenUsage) => string)
        : (usage: TokenUsage) => (providerName as string | undefined) ?? providerOfModel(usage.model),
  };
}

function readMeter(value: unknown): TelemetryMeter {
  if (value !== undefined) {
    const meter = check.object(value, 'meter') as TelemetryMeter;
    if (typeof meter.createHistogram !== 'function') {
      throw check.invalid('meter', 'a Meter of @opentelemetry/api', value);
    }
    return meter;
  }
  return globalMeter();
}

/** The peer dependency is asked for by those only who leave the meter out. */
function globalMeter(): TelemetryMeter {
  try {
    const { metrics } = require('@opentelemetry/api') as {
      metrics: { getMeter(name: string): TelemetryMeter };
    };
    return metrics.getMeter(METER_NAME);
  } catch (cause) {
    const message =
      'meter: expected a Meter, or the package @opentelemetry/api, which cannot be loaded (npm install @opentelemetry/api)';
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: 'meter', cause });
  }
}
