import { asConfigError } from '../credentials/check';
import { TokenBudgetError } from '../errors';
import { isTimeZone } from '../native';
import type { UsageReporterConfig } from '../types/reports';
import { invalid, object, own } from '../validate';
import { usageReporterConfigSchema } from './schema';

export interface ReporterSettings extends UsageReporterConfig {
  timeZone: string;
  budgetTimeZone: string;
}

/** Throws `INVALID_CONFIG`, naming the field. */
export function readReporterConfig(given: unknown): ReporterSettings {
  try {
    const source = object(given ?? {}, 'config');
    const parsed = usageReporterConfigSchema().safeParse(source);
    if (!parsed.success) throw configError(parsed.error);
    return {
      ...parsed.data,
      timeZone: zone(source, 'timeZone') ?? 'UTC',
      budgetTimeZone: zone(source, 'budgetTimeZone') ?? hostTimeZone(),
    };
  } catch (error) {
    throw asConfigError(error);
  }
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
