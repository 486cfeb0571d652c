import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asConfig } from '../config/store';
import { getCostCalculator } from '../costs/calculator';
import { wholeOf } from '../costs/whole';
import { asTokenBudgetError, closedError, TokenBudgetError } from '../errors';
import { Telling } from '../telling';
import type { TokenBudgetTracker } from '../tracker';
import { TypedEmitter } from '../typed-emitter';
import type { BudgetPeriod } from '../types/budget';
import type { CostParams, TokenUsageRecord } from '../types/costs';
import type { Money } from '../types/money';
import type {
  Anomaly,
  BudgetStatus,
  ExportOptions,
  ReportCostEstimate,
  ReportParams,
  StoredUsage,
  UsageFilter,
  UsageReport,
  UsageReporterEvents,
  UsageReporterOptions,
  UsageStorage,
} from '../types/reports';
import { orchestrator } from '../validate';
import { hoursOf, type LookedAt, lastDay } from './anomalies/looked-at';
import { findUnusualHours } from './anomalies/patterns';
import { findSpikes } from './anomalies/spikes';
import { AnomalyWatch } from './anomalies/watch';
import { readCostParams, readExport, readFilter, readLimit, readReportParams } from './arguments';
import { attachTo } from './attach';
import { budgetAnomaly, budgetStatus, KnownLimits } from './budget-status';
import { slotStart } from './calendar';
import { type ReporterSettings, readReporterConfig } from './config';
import { compare, estimateCost } from './cost-estimate';
import {
  type CostSource,
  costSource,
  NO_COST,
  type RecordedCost,
  type ReportCalculator,
} from './cost-source';
import { exportText } from './export/text';
import { openSource } from './open-source';
import { type CheckedRecord, ledgerRecord, readRecord, storedUsageOf } from './records';
import { makeReport } from './report';
import { Retention } from './retention';
import type { LedgerQuery, LedgerSums, UsageSource } from './source';
import { StorageSource } from './storage-source';

const PAGE_RECORDS = 1000;
/** Of a report over everybody: each is a look of its own. */
const LOOKED_AT_MAX = 100;
/** Of a report: the latest. */
const ANOMALIES_MAX = 1000;
/** How often usual hours are looked at while usage is recorded: they are weeks of it. */
const PATTERNS_EVERY_MS = 300_000;
const PATTERNS_KNOWN_MAX = 10_000;

/**
 * Records every usage once, by its id, and reports tokens and cost over any time.
 *
 * Methods that answer promises never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const reporter = new UsageReporter({ retentionDays: 365 }, './usage.db');
 * reporter.attach(tracker);
 * const { summary, costEstimate } = await reporter.getReport({
 *   startTime: new Date('2026-01-01'), endTime: new Date(), granularity: 'daily', groupBy: ['model'],
 * });
 * ```
 */
export class UsageReporter extends TypedEmitter<UsageReporterEvents> {
  readonly #settings: ReporterSettings;
  readonly #costs: CostSource;
  readonly #source: UsageSource;
  readonly #retention: Retention;
  readonly #telling: Telling<UsageReporterEvents>;
  readonly #watch: AnomalyWatch;
  readonly #limits = new KnownLimits();
  readonly #patternsAtMs = new Map<string, number>();
  readonly #attached = new Set<() => void>();
  #recording = 0;
  /** Wait until nothing is being recorded. */
  readonly #whenIdle: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  /**
   * Throws `INVALID_CONFIG`, naming the field.
   *
   * @param storage The path of a ledger, or where the caller keeps records. Default: the memory of this process.
   * @param calculator What usage costs. Default: `getCostCalculator()`.
   */
  constructor(
    config?: UsageReporterOptions,
    storage?: UsageStorage | string | { path: string },
    calculator?: ReportCalculator,
  ) {
    super();
    this.#settings = readReporterConfig(config);
    const asPublished = this.#settings.pricing === 'published';
    this.#costs = asConfig(() => costSource(calculator ?? getCostCalculator(), 'calculator', asPublished));
    this.#source = openSource(storage, this.#costs);
    this.#telling = new Telling<UsageReporterEvents>(this);
    const failed = (error: unknown) => this.#telling.emit('error', asTokenBudgetError(error));
    this.#retention = new Retention(this.#source, this.#settings.retentionDays, failed);
    if (this.#source instanceof StorageSource && this.#settings.enabled) this.#retention.start();
    this.#watch = new AnomalyWatch(
      id => this.#lookFor(id),
      anomaly => this.#telling.emit('anomaly-detected', anomaly),
    );
  }

  /**
   * Records a usage; it is durable when the promise resolves. The same id again with the same content counts once, with
   * other content it rejects with `REQUEST_CONFLICT`. Emits `usage-recorded`, and `anomaly-detected` for what it brings
   * to light.
   */
  recordUsage(usage: TokenUsageRecord): Promise<void> {
    try {
      this.#assertOpen();
      if (!this.#settings.enabled) return Promise.resolve();
      const checked = readRecord(usage);
      return this.#record(checked, this.#costs.costOf(checked.usage), usage);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Usage of a time: sums, groups, cost, and slots one after the other. */
  async getReport(params: ReportParams): Promise<UsageReport> {
    this.#assertOpen();
    const spec = readReportParams(params, this.#settings.timeZone, this.#settings.defaultCurrency);
    const { query, granularity } = spec;
    const report = await this.#source.read(query, view => makeReport(view, spec, this.#costs));
    const looks = spec.includeAnomalies && this.#settings.anomalyDetection.enabled;
    return {
      period: { startTime: new Date(query.startMs), endTime: new Date(query.endMs), granularity },
      ...report,
      ...(looks && (await this.#lookThrough(query))),
    };
  }

  /** What the usage of a time cost. */
  async getCostEstimate(params: CostParams): Promise<ReportCostEstimate> {
    this.#assertOpen();
    const { query, currency, includeProjection } = readCostParams(params, this.#settings.defaultCurrency);
    const models = await this.#source.read(query, view => view.sums('model'));
    return estimateCost(models, currency, this.#costs, includeProjection ? 'monthly' : undefined);
  }

  /**
   * What is unusual in the last 24 hours of an orchestrator: spikes, hours unlike the same hour of the weeks before, and
   * windows over the limits that `getBudgetStatus` was asked about.
   */
  async detectAnomalies(orchestratorId: string): Promise<Anomaly[]> {
    this.#assertOpen();
    return this.#findAnomalies(orchestrator(orchestratorId, 'orchestratorId'));
  }

  /**
   * How much of `limit` the current window has used. Emits `budget-warning`, or `budget-exceeded` when it is critical or
   * exceeded.
   */
  async getBudgetStatus(orchestratorId: string, period: BudgetPeriod, limit: number): Promise<BudgetStatus> {
    this.#assertOpen();
    const known = readLimit(orchestratorId, period, limit);
    const { anomalyDetection, budgetTimeZone } = this.#settings;
    const nowMs = Date.now();
    const status = await budgetStatus(this.#source, known, anomalyDetection, nowMs, budgetTimeZone);
    this.#limits.learn(known);
    if (status.status === 'warning') this.#telling.emit('budget-warning', status);
    else if (status.status !== 'healthy') this.#telling.emit('budget-exceeded', status);
    const anomaly = anomalyDetection.enabled ? budgetAnomaly(status, nowMs) : undefined;
    if (anomaly !== undefined) this.#watch.report(anomaly);
    return status;
  }

  /**
   * Records every usage that `tracker` tells of (`usage:tracked`), once by its request id. What cannot be recorded is
   * told by `error`; what the calculator refuses is recorded without a price. Answers what ends it.
   */
  attach(tracker: TokenBudgetTracker): () => void {
    this.#assertOpen();
    const end = attachTo(
      tracker,
      modelId => this.#costs.providerOf(modelId),
      (usage, cost) => this.#hear(usage, cost),
    );
    this.#attached.add(end);
    return () => {
      this.#attached.delete(end);
      end();
    };
  }

  /** Records one after the other, by time, with what they cost. Memory stays flat however many there are. */
  async *listRecords(filter: UsageFilter): AsyncGenerator<StoredUsage, void, undefined> {
    this.#assertOpen();
    for await (const page of this.#source.pages(readFilter(filter, 'filter'), PAGE_RECORDS)) {
      yield* page.map(storedUsageOf);
    }
  }

  /**
   * Records as text, in pieces of some hundred kilobytes.
   *
   * @example
   * ```ts
   * await pipeline(reporter.exportRecords({ format: 'csv', startTime, endTime }), createWriteStream('usage.csv'));
   * ```
   */
  async *exportRecords(options: ExportOptions): AsyncGenerator<string, void, undefined> {
    this.#assertOpen();
    const { query, format } = readExport(options);
    yield* exportText(this.#source.pages(query, PAGE_RECORDS), format);
  }

  /** The same into a stream, which is ended; resolves when it has taken everything. */
  async exportTo(stream: Writable, options: ExportOptions): Promise<void> {
    this.#assertOpen();
    readExport(options);
    await pipeline(this.exportRecords(options), stream);
  }

  /** Deletes records older than `retentionDays` now; answers how many. While usage is recorded it happens by itself. */
  async deleteOldRecords(): Promise<number> {
    this.#assertOpen();
    return this.#retention.run();
  }

  /** Records what was accepted and lets go of the ledger. As often as you like; later calls are refused. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** As published: removes the listeners. What was accepted is recorded still, in the background; see {@link close}. */
  shutdown(): void {
    this.close().catch(() => {});
    this.removeAllListeners();
  }

  async #close(): Promise<void> {
    for (const end of this.#attached) end();
    this.#attached.clear();
    const stopped = this.#retention.stop();
    if (this.#recording > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve));
    await this.#watch.idle();
    await stopped;
    await this.#source.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError('reporter');
  }

  async #record(checked: CheckedRecord, cost: RecordedCost, given: TokenUsageRecord): Promise<void> {
    const { persistToDatabase, anomalyDetection } = this.#settings;
    this.#recording += 1;
    try {
      if (persistToDatabase) {
        const outcome = await this.#source.record(ledgerRecord(checked, cost), given);
        if (outcome === 'conflict') {
          const message = `usage.id: another usage was recorded under this id before`;
          throw new TokenBudgetError('REQUEST_CONFLICT', message, { field: 'usage.id' });
        }
        if (outcome === 'known') return;
        this.#retention.start();
      }
      this.#telling.emit('usage-recorded', given);
      if (anomalyDetection.enabled && this.#telling.reaches('anomaly-detected')) {
        await this.#watch.see(checked.usage.orchestratorId);
      }
    } finally {
      this.#recording -= 1;
      if (this.#recording === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  /** Of a tracker. Its tokens are gone: whatever the calculator thinks of the model, they are recorded. */
  #hear(usage: TokenUsageRecord, told: Money | undefined): void {
    if (!this.#settings.enabled) return;
    const failed = (error: unknown) => this.#telling.emit('error', asTokenBudgetError(error));
    try {
      const checked = readRecord(usage);
      const priced = withUnattributed(checked.usage);
      let cost = NO_COST;
      try {
        // What the tracker has counted is what it cost: two prices of one usage would help nobody.
        const counted = told === undefined ? undefined : this.#costs.costTold(priced, told);
        cost = counted ?? this.#costs.costOf(priced);
      } catch (error) {
        failed(error);
      }
      this.#record(checked, cost, usage).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** The anomalies of a report's time, of one orchestrator or of those with the most usage. */
  async #lookThrough(query: LedgerQuery): Promise<Pick<UsageReport, 'anomalies' | 'anomalySearch'>> {
    const at = hoursOf(query.startMs, query.endMs, Date.now());
    const all =
      query.orchestratorId === undefined
        ? mostFirst(await this.#source.read(query, view => view.sums('orchestrator')))
        : [query.orchestratorId];
    const looked = at === undefined ? [] : all.slice(0, LOOKED_AT_MAX);
    const anomalies: Anomaly[] = [];
    // One after the other: others want to be answered meanwhile.
    for (const id of looked) anomalies.push(...(await this.#findAnomalies(id, at)));
    anomalies.sort((a, b) => a.timestamp.getTime() - b.timestamp.getTime());
    const leftOut = Math.max(0, anomalies.length - ANOMALIES_MAX);
    return {
      anomalies: anomalies.slice(leftOut),
      anomalySearch: {
        ...(at !== undefined && { startTime: new Date(at.fromMs), endTime: new Date(at.toMs) }),
        ...{ orchestrators: looked.length, notLookedAt: all.length - looked.length, leftOut },
      },
    };
  }

  async #findAnomalies(orchestratorId: string, given?: LookedAt, withPatterns = true): Promise<Anomaly[]> {
    const { anomalyDetection, budgetTimeZone, timeZone } = this.#settings;
    const nowMs = Date.now();
    const at = given ?? lastDay(nowMs);
    const found = await findSpikes(this.#source, orchestratorId, anomalyDetection, at);
    if (withPatterns) {
      found.push(
        ...(await findUnusualHours(this.#source, orchestratorId, anomalyDetection, at, nowMs, timeZone)),
      );
    }
    for (const known of this.#limits.of(orchestratorId)) {
      // Of the current window, which may be of another time than what is looked at.
      if (at.toMs < slotStart(nowMs, known.period, budgetTimeZone)) continue;
      const status = await budgetStatus(this.#source, known, anomalyDetection, nowMs, budgetTimeZone);
      const anomaly = budgetAnomaly(status, nowMs);
      if (anomaly !== undefined) found.push(anomaly);
    }
    return found;
  }

  /** What recording looks for. A look that fails is no reason to say that a usage was not recorded. */
  async #lookFor(orchestratorId: string): Promise<Anomaly[]> {
    const nowMs = performance.now();
    const lastMs = this.#patternsAtMs.get(orchestratorId);
    const withPatterns = lastMs === undefined || nowMs - lastMs >= PATTERNS_EVERY_MS;
    if (withPatterns) {
      if (this.#patternsAtMs.size >= PATTERNS_KNOWN_MAX) this.#patternsAtMs.clear();
      this.#patternsAtMs.set(orchestratorId, nowMs);
    }
    try {
      return await this.#findAnomalies(orchestratorId, undefined, withPatterns);
    } catch (error) {
      this.#telling.emit('error', asTokenBudgetError(error));
      return [];
    }
  }
}

/** Keys by their tokens. A key has sums for each currency. */
function mostFirst(rows: readonly LedgerSums[]): string[] {
  const tokens = new Map<string, number>();
  for (const { key, total } of rows) tokens.set(key, (tokens.get(key) ?? 0) + total);
  return [...tokens].sort(([a, x], [b, y]) => y - x || compare(a, b)).map(([key]) => key);
}

/** Tokens that no part accounts for are priced as output, the dearer side: for nothing would be wrong for certain. */
function withUnattributed(usage: TokenUsageRecord): TokenUsageRecord {
  const { cacheReadTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  const inputTokens = wholeOf(usage.inputTokens, cacheReadTokens + cacheWriteTokens);
  const outputTokens = wholeOf(usage.outputTokens, reasoningTokens);
  const rest = usage.totalTokens - inputTokens - outputTokens;
  return rest > 0 ? { ...usage, inputTokens, outputTokens: outputTokens + rest } : usage;
}
