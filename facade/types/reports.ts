import type { BudgetPeriod } from './budget';
import type { CostEstimate, Currency, TokenUsageRecord } from './costs';

/** How long the slots of a report's time series are. Weeks begin on Monday. */
export type ReportGranularity = 'hourly' | 'daily' | 'weekly' | 'monthly';

/** What the usage of a report can be told apart by. */
export type ReportGroup = 'orchestrator' | 'session' | 'model' | 'tool';

/** A record as it is kept, and what it cost when it was recorded: exact decimal text, such as `0.0105`. */
export interface StoredUsage extends TokenUsageRecord {
  /** `null`: its model had no price. */
  cost: { input: string; output: string; currency: string } | null;
}

/** Which records: both ends are included. An empty id is none. */
export interface UsageFilter {
  orchestratorId?: string;
  sessionId?: string;
  startTime: Date;
  endTime: Date;
}

export interface ReportParams extends UsageFilter {
  granularity: ReportGranularity;
  /** Default: orchestrator and model. */
  groupBy?: ReportGroup[];
  /** Looks for anomalies of the report's time: of `orchestratorId`, or of the 100 orchestrators with the most tokens. */
  includeAnomalies?: boolean;
  /** IANA name of the zone whose hours, days, weeks and months are the slots. Default: that of the config. */
  timeZone?: string;
}

/** Usage of a time. */
export interface UsageReport {
  period: { startTime: Date; endTime: Date; granularity: string };
  summary: UsageSummary;
  /** Most tokens first. */
  breakdown: UsageBreakdown[];
  /** By time; absent when they were not looked for. */
  anomalies?: Anomaly[];
  /** Where they were looked for. */
  anomalySearch?: AnomalySearch;
  costEstimate: ReportCostEstimate;
  /**
   * Slots one after the other, empty ones too. They cover the whole time, or where that has more than 10,000 slots,
   * from the first usage to the last.
   */
  timeSeries: UsageSlot[];
}

/** Where the anomalies of a report were looked for. */
export interface AnomalySearch {
  /** Whole hours, at most the last 10,000 of the report's time; both absent when it has not begun. */
  startTime?: Date;
  endTime?: Date;
  /** How many orchestrators were looked at, and how many others had usage too. */
  orchestrators: number;
  notLookedAt: number;
  /** How many anomalies were found before the latest 1,000, which are told. */
  leftOut: number;
}

/** What the usage cost, by the prices that were in force when it was recorded. */
export interface ReportCostEstimate extends CostEstimate {
  /** How many records had no price: their cost is not in the sums. */
  unpricedRecords: number;
}

export interface UsageSummary {
  totalInputTokens: number;
  totalOutputTokens: number;
  totalTokens: number;
  totalRecords: number;
  uniqueOrchestrators: number;
  uniqueSessions: number;
  averageTokensPerSession: number;
  /** Of the earliest record with the most tokens. */
  peakUsageTimestamp?: Date;
  peakUsageTokens?: number;
}

export interface UsageBreakdown {
  /** The name of the group; `unknown` for records without a tool. */
  key: string;
  type: ReportGroup;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  /** Of all tokens of the report. */
  percentage: number;
  recordCount: number;
  /** In the currency of the report's estimate; absent when no record of the group had a price. */
  cost?: number;
  /** How many records of the group had no price. */
  unpricedRecords: number;
}

/** Usage of `[start, end)`. */
export interface UsageSlot {
  start: Date;
  end: Date;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  records: number;
  /** In the currency of the report's estimate. */
  cost: number;
}

/** Usage that is not as it is used to be. */
export interface Anomaly {
  id: string;
  orchestratorId: string;
  sessionId?: string;
  timestamp: Date;
  type: 'spike' | 'unusual_pattern' | 'budget_exceeded' | 'rate_limit_approached';
  severity: 'low' | 'medium' | 'high' | 'critical';
  description: string;
  actualValue: number;
  expectedValue: number;
  deviationPercentage: number;
  metadata?: Record<string, unknown>;
}

/** A point of usage in time. */
export interface UsageDataPoint {
  timestamp: Date;
  orchestratorId: string;
  sessionId?: string;
  totalTokens: number;
  inputTokens: number;
  outputTokens: number;
  cost?: number;
}

export interface AnomalyDetectionConfig {
  enabled: boolean;
  /** How many standard deviations from the mean are a spike. Default 2.5. */
  spikeThreshold: number;
  /** Taken and not used, as in the published module. Default 100. */
  windowSize: number;
  /** With fewer records in the last 24 hours nothing is a spike. Default 10. */
  minDataPoints: number;
  /** Fraction of a limit from which a budget is `warning`. Default 0.8. */
  budgetWarningThreshold: number;
  /** Fraction of a limit from which a budget is `critical`. Default 0.95. */
  budgetCriticalThreshold: number;
}

/** What {@link UsageReporterConfigSchema} makes of a configuration. */
export interface UsageReporterConfig {
  /** `false`: nothing is recorded. Default `true`. */
  enabled: boolean;
  /** `false`: usage is told by events only. Default `true`. */
  persistToDatabase: boolean;
  /** Records that are older are deleted while there are new ones. Default 90. */
  retentionDays: number;
  /** Taken and not used: every report names its granularity. Default hourly, daily, monthly. */
  aggregationIntervals: ReportGranularity[];
  anomalyDetection: AnomalyDetectionConfig;
  /** Of reports and estimates. Default `USD`. */
  defaultCurrency: Currency;
}

/** How a reporter is set up; everything may be left out. */
export interface UsageReporterOptions extends Partial<Omit<UsageReporterConfig, 'anomalyDetection'>> {
  anomalyDetection?: Partial<AnomalyDetectionConfig>;
  /**
   * Where the price of the published module and the one that is billed differ (long contexts of `claude-sonnet-4-5`):
   * `'published'` as it reports, `'exact'` as is billed. Default `'published'`.
   */
  pricing?: 'published' | 'exact';
  /** IANA name of the zone of the slots of reports, unless they name one. Default `UTC`. */
  timeZone?: string;
  /** IANA name of the zone of the windows of `getBudgetStatus`. Default: that of the process. */
  budgetTimeZone?: string;
}

export interface UsageStatistics {
  mean: number;
  median: number;
  stdDev: number;
  min: number;
  max: number;
  q1: number;
  q3: number;
  dataPoints: number;
}

/** How much of a limit the current window has used. */
export interface BudgetStatusExtended {
  orchestratorId: string;
  period: BudgetPeriod;
  limit: number;
  used: number;
  remaining: number;
  /** `used / limit * 100`; 100 when the limit is 0, 0 when it is `Infinity`. */
  percentage: number;
  status: 'healthy' | 'warning' | 'critical' | 'exceeded';
  /** When the window ends. */
  resetAt: Date;
}

export type BudgetStatus = BudgetStatusExtended;

/** Where records are kept by the caller. Reports are then computed over what `getUsageRecords` returns. */
export interface UsageStorage {
  saveUsageRecord(record: TokenUsageRecord): Promise<void>;
  /** Records from `startTime` to `endTime`, both included. */
  getUsageRecords(params: UsageFilter): Promise<TokenUsageRecord[]>;
  /** Deletes what is before `olderThan`; answers how many. */
  deleteOldRecords(olderThan: Date): Promise<number>;
}

/** Records as text. */
export interface ExportOptions extends UsageFilter {
  /** `csv`: RFC 4180 with a header; `json`: one array; `ndjson`: a line each. */
  format: 'csv' | 'json' | 'ndjson';
}

/** What a reporter tells. */
export interface UsageReporterEvents {
  'usage-recorded': [record: TokenUsageRecord];
  /** Once per anomaly, and again when it got more severe. */
  'anomaly-detected': [anomaly: Anomaly];
  'budget-warning': [status: BudgetStatus];
  /** The status is `critical` or `exceeded`. */
  'budget-exceeded': [status: BudgetStatus];
  /**
   * A listener threw, usage of an attached tracker could not be recorded or priced, or old records could not be
   * deleted. Only emitted when somebody listens.
   */
  error: [error: unknown];
}
