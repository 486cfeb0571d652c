import type { z } from 'zod';

const PERIODS = ['hourly', 'daily', 'weekly', 'monthly'] as const;
const CURRENCIES = ['USD', 'EUR', 'GBP'] as const;

function makeSchema() {
  // Whoever has no reporter loads no zod.
  const { z: zod } = require('zod') as { z: typeof z };
  const anomalyDetection = zod.object({
    enabled: zod.boolean().default(true),
    spikeThreshold: zod.number().positive().default(2.5),
    windowSize: zod.number().int().positive().default(100),
    minDataPoints: zod.number().int().positive().default(10),
    budgetWarningThreshold: zod.number().min(0).max(1).default(0.8),
    budgetCriticalThreshold: zod.number().min(0).max(1).default(0.95),
  });
  return zod.object({
    enabled: zod.boolean().default(true),
    persistToDatabase: zod.boolean().default(true),
    retentionDays: zod.number().int().positive().default(90),
    aggregationIntervals: zod.array(zod.enum(PERIODS)).default(['hourly', 'daily', 'monthly']),
    // `new UsageReporter()` works: the published schema wants it named.
    anomalyDetection: anomalyDetection.default({}),
    defaultCurrency: zod.enum(CURRENCIES).default('USD'),
  });
}

type Schema = ReturnType<typeof makeSchema>;

let made: Schema | undefined;

export function usageReporterConfigSchema(): Schema {
  made ??= makeSchema();
  return made;
}

/**
 * Checks the configuration of a `UsageReporter` and fills it up with the defaults. A schema of zod 3, made when it is
 * first used.
 *
 * @example
 * ```ts
 * const { retentionDays } = UsageReporterConfigSchema.parse({}); // 90
 * ```
 */
export declare const UsageReporterConfigSchema: Schema;

Object.defineProperty(exports, 'UsageReporterConfigSchema', {
  enumerable: true,
  get: usageReporterConfigSchema,
});
