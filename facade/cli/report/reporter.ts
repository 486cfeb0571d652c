import { existsSync } from 'node:fs';
import { CommandError, messageOf } from '../exit';

/** What is asked of a `UsageReporter`. */
export interface Reporter {
  getReport(params: ReportQuery): Promise<Report>;
  exportRecords(query: {
    format: 'csv' | 'json' | 'ndjson';
    startTime: Date;
    endTime: Date;
    orchestratorId?: string;
    sessionId?: string;
  }): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface ReportQuery {
  startTime: Date;
  endTime: Date;
  granularity: Granularity;
  groupBy: Group[];
  includeAnomalies: boolean;
  orchestratorId?: string;
  sessionId?: string;
}

export const GRANULARITIES = ['hourly', 'daily', 'weekly', 'monthly'] as const;
export type Granularity = (typeof GRANULARITIES)[number];
export const GROUPS = ['orchestrator', 'session', 'model', 'tool'] as const;
export type Group = (typeof GROUPS)[number];

/** The parts of a report that are shown. */
export interface Report {
  summary: {
    totalInputTokens: number;
    totalOutputTokens: number;
    totalTokens: number;
    totalRecords: number;
    uniqueOrchestrators: number;
    uniqueSessions: number;
  };
  breakdown: Array<{
    key: string;
    type: Group;
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    percentage: number;
    recordCount: number;
    cost?: number;
  }>;
  timeSeries?: Array<{
    start: Date;
    end: Date;
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    records: number;
    cost?: unknown;
  }>;
  anomalies?: Array<{ timestamp: Date; severity: string; orchestratorId: string; description: string }>;
  anomalySearch?: {
    startTime?: Date;
    endTime?: Date;
    orchestrators: number;
    notLookedAt: number;
    leftOut: number;
  };
  costEstimate: {
    totalCost: number;
    currency: string;
    breakdown?: Array<{ modelId: string; totalCost: number; isEstimate?: boolean }>;
  };
}

export type OpenReporter = (path: string) => Reporter;

/** A ledger that is not there would be made, and tell that nothing was ever used. */
export function openReporter(path: string): Reporter {
  if (!existsSync(path)) throw new CommandError(`--ledger: there is no file ${JSON.stringify(path)}`);
  const { UsageReporter } = require('../../index') as {
    UsageReporter?: new (config: object, path: string) => Reporter;
  };
  if (UsageReporter === undefined) throw new CommandError('--ledger: this build has no usage ledger');
  try {
    return new UsageReporter({}, path);
  } catch (error) {
    throw new CommandError(`--ledger: ${messageOf(error)}`);
  }
}
