import { asConfig } from '../config/store';
import { TokenBudgetError } from '../errors';
import { isTimeZone } from '../native';
import type { AnomalyDetectionConfig, UsageReporterConfig, UsageReporterOptions } from '../types/reports';
import { invalid, object, oneOf, onlyNames, own } from '../validate';
import { usageReporterConfigSchema } from './schema';

export interface ReporterSettings extends UsageReporterConfig {
  pricing: 'published' | 'exact';
  timeZone: string;
  budgetTimeZone: string;
}

const NAMES: ReadonlySet<string> = new Set<keyof UsageReporterOptions>([
  ...(['enabled', 'persistToDatabase', 'retentionDays', 'aggregationIntervals'] as const),
  ...(['anomalyDetection', 'defaultCurrency', 'pricing', 'timeZone', 'budgetTimeZone'] as const),
]);
const DETECTION_NAMES: ReadonlySet<string> = new Set<keyof AnomalyDetectionConfig>([
  ...(['enabled', 'spikeThreshold', 'windowSize', 'minDataPoints'] as const),
  ...(['budgetWarningThreshold', 'budgetCriticalThreshold'] as const),
]);
const PRICINGS = ['published', 'exact'] as const;

/** Throws `INVALID_CONFIG`, naming the field. */
export function readReporterConfig(given: unknown): ReporterSettings {
  return asConfig(() => {
    const source = object(given ?? {}, 'config');
    onlyNames(source, '', NAMES);
    const anomalyDetection = own(source, 'anomalyDetection', 'config');
    if (typeof anomalyDetection === 'object' && anomalyDetection !== null) {
      onlyNames(anomalyDetection, 'anomalyDetection', DETECTION_NAMES);
    }
    const pricing = own(source, 'pricing', '');
    const parsed = usageReporterConfigSchema().safeParse(source);
    if (!parsed.success) throw configError(parsed.error);
    return {
      ...parsed.data,
      pricing: pricing === undefined ? 'published' : oneOf(pricing, 'pricing', PRICINGS),
      timeZone: zone(source, 'timeZone') ?? 'UTC',
      budgetTimeZone: zone(source, 'budgetTimeZone') ?? hostTimeZone(),
    };
  });
}

interface Issues extends Error {
  issues: readonly { path: readonly (string | number)[]; message: string }[];
}

function configError(cause: Issues): TokenBudgetError {
  const issue = cause.issues[0];
  const field = issue?.path.join('.') || 'config';
  return new TokenBudgetError('INVALID_CONFIG', `${field}: ${issue?.message ?? 'invalid'}`, { field, cause });
}

function zone(source: object, key: string): string | undefined {
  const value = own(source, key, '');
  return value === undefined ? undefined : timeZoneAt(value, key);
}

export function timeZoneAt(value: unknown, at: string): string {
  if (typeof value === 'string' && isTimeZone(value)) return value;
  throw invalid(at, 'the IANA name of a time zone', value);
}

function hostTimeZone(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return isTimeZone(timeZone) ? timeZone : 'UTC';
}
