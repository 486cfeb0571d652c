/**
 * Why nothing is back-dated here: the windows of a store on Redis are decided by the server's clock, and
 * a reservation is made and settled when it is made and settled. There is no honest way to hold tokens
 * in an hour that is over. So every row is brought before the budget of now, and a trace of many hours
 * meets the limit of one. What is rebased are the times of the trace: one constant is added to all, so
 * that the last row is now, and the report gives the times of thresholds both ways. The tokens per
 * window are the tracker's own, of the windows that are current at the end.
 */
import { TokenBudgetTracker } from '../../index';
import { PERIODS } from '../../periods';
import type { BudgetThresholdEvent } from '../../types';
import { CommandError, messageOf } from '../exit';
import { type Crossing, onCrossing } from './crossings';
import { Gate } from './gate';
import type { TraceRow } from './rows';
import { attributionOf, type Outcome, type Run } from './run';
import { compare, growth } from './self-check';
import type { StoreOptions } from './store-options';
import { toWindow, type WindowUsage } from './windows';

/** Replays on Redis, several requests in flight at once. */
export async function replayOnRedis(run: Run, store: StoreOptions): Promise<Outcome> {
  const { options } = run;
  const tracker = new TokenBudgetTracker({
    defaultBudget: options.budget,
    thresholds: options.thresholds,
    timeZone: options.timeZone,
    historyLimit: options.historyLimit,
    redis: store.redis,
  });
  try {
    await connect(tracker, run, store);
    const replay = new RedisReplay(tracker, run);
    const before = await replay.readWindows();
    const startMs = performance.now();
    await replay.run();
    const durationMs = performance.now() - startMs;
    return { ...(await replay.check(before)), ...replay.outcome(), durationMs };
  } finally {
    await tracker.close();
  }
}

async function connect(tracker: TokenBudgetTracker, run: Run, store: StoreOptions): Promise<void> {
  try {
    await tracker.ready({ signal: run.signal });
  } catch (error) {
    if (run.signal.aborted) {
      throw error;
    }
    throw new CommandError(`cannot reach Redis at ${store.address}: ${messageOf(error)}`);
  }
}

class RedisReplay {
  readonly #tracker: TokenBudgetTracker;
  readonly #run: Run;
  readonly #gate: Gate;
  readonly #crossings: Crossing[] = [];
  /** Rows by the reservation that is being settled for them. */
  readonly #settling = new Map<string, TraceRow>();
  /** Reported, and not yet known by which row. */
  #unassigned: BudgetThresholdEvent[] = [];
  /** The latest row that was answered, and when. */
  #latest = { traceMs: -1, storeMs: 0 };
  /** The server's clock against ours, as of the latest grant. */
  #clockOffsetMs = 0;
  #failure: string | null = null;

  constructor(tracker: TokenBudgetTracker, run: Run) {
    this.#tracker = tracker;
    this.#run = run;
    this.#gate = new Gate(run.options.concurrency);
    // An operation emits its thresholds before its release: the next release says which row it was.
    onCrossing(tracker, run.options.thresholds, event => this.#unassigned.push(event));
    tracker.on('reservation:released', id => this.#assign(this.#settling.get(id)?.atMs));
  }

  async run(): Promise<void> {
    for await (const batch of this.#run.batches) {
      for (const row of batch) {
        if (this.#run.signal.aborted || this.#failure !== null) {
          return this.#gate.idle();
        }
        await this.#gate.start(() => this.#replay(row));
      }
    }
    return this.#gate.idle();
  }

  outcome() {
    this.#assign(this.#latest.traceMs);
    const { traceMs, storeMs } = this.#latest;
    return {
      crossings: this.#crossings,
      failure: this.#failure,
      rebasedByMs: traceMs === -1 ? null : storeMs - traceMs,
    };
  }

  readWindows(): Promise<WindowUsage[]> {
    const { orchestratorId } = this.#run.options;
    return Promise.all(
      PERIODS.map(async period => toWindow(await this.#tracker.getUsageStats(orchestratorId, period))),
    );
  }

  /** What the tracker counted since `before`, in the windows that did not end meanwhile. */
  async check(before: WindowUsage[]): Promise<Pick<Outcome, 'windows' | 'differences' | 'notes'>> {
    let windows: WindowUsage[];
    try {
      windows = await this.readWindows();
    } catch (error) {
      return { windows: [], differences: [`the tracker could not be asked: ${messageOf(error)}`], notes: [] };
    }
    const same = windows.filter((window, index) => window.startMs === before[index]?.startMs);
    const grown = same.map(window => growth(before[PERIODS.indexOf(window.period)] as WindowUsage, window));
    const turned = windows.filter(window => !same.includes(window));
    const notes = turned.map(
      ({ period }) => `a new ${period} window began during the replay; its tokens are those since then`,
    );
    if (before.some(window => window.totalTokens > 0)) {
      notes.push('the windows held tokens before the replay; they are included above');
    }
    return {
      windows,
      differences: compare(
        this.#run.tally,
        grown,
        same.map(w => w.period),
      ),
      notes,
    };
  }

  async #replay(row: TraceRow): Promise<void> {
    const { options, estimator, tally } = this.#run;
    tally.begin(row);
    try {
      const tokens = estimator.estimate(row);
      const held = await this.#tracker.reserveTokens(options.orchestratorId, tokens, 'all');
      if (row.atMs >= this.#latest.traceMs) {
        this.#latest = { traceMs: row.atMs, storeMs: Date.now() + this.#clockOffsetMs };
      }
      if (held.reservation === undefined) {
        tally.deny(row, held.period);
      } else {
        const { id, createdAt } = held.reservation;
        this.#clockOffsetMs = createdAt.getTime() - Date.now();
        this.#settling.set(id, row);
        const total = row.promptTokens + row.completionTokens;
        await this.#tracker.releaseReservation(id, total, attributionOf(row, options.model));
        this.#settling.delete(id);
        tally.settle(row, tokens);
        estimator.learn(row);
      }
    } catch (error) {
      tally.failed += 1;
      this.#failure ??= messageOf(error);
    }
    this.#run.onProgress();
  }

  #assign(traceMs: number | undefined): void {
    if (this.#unassigned.length > 0 && traceMs !== undefined) {
      this.#crossings.push(...this.#unassigned.map(event => ({ event, traceMs })));
      this.#unassigned = [];
    }
  }
}
