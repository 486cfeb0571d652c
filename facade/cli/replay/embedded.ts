import { TokenBudgetTracker } from '../../index';
import { type Crossing, onCrossing } from './crossings';
import { attributionOf, type Outcome, type Run } from './run';
import { compare } from './self-check';
import { WindowBook } from './windows';

/**
 * Replays into memory, in order, with the time of the trace as the store's clock, so that windows turn
 * over where they did. A trace tells when a request began and not how long it took: a request is
 * reserved and settled at the same instant. A row earlier than one before it counts at the latest time
 * so far, for a clock does not go back.
 */
export async function replayEmbedded(run: Run): Promise<Outcome> {
  const { options, estimator, tally, signal } = run;
  const { orchestratorId, model } = options;
  const crossings: Crossing[] = [];
  let nowMs = 0;
  const tracker = new TokenBudgetTracker({
    defaultBudget: options.budget,
    thresholds: options.thresholds,
    timeZone: options.timeZone,
    historyLimit: options.historyLimit,
    clock: () => nowMs,
  });
  const windows = new WindowBook(tracker, orchestratorId);
  onCrossing(tracker, options.thresholds, event => crossings.push({ event, traceMs: nowMs }));

  const startMs = performance.now();
  try {
    for await (const batch of run.batches) {
      for (const row of batch) {
        if (signal.aborted) {
          break;
        }
        tally.begin(row);
        const atMs = Math.max(nowMs, row.atMs);
        if (windows.isOver(atMs)) {
          await windows.closeBefore(atMs);
          nowMs = atMs;
          await windows.open();
        }
        nowMs = atMs;
        const tokens = estimator.estimate(row);
        const held = await tracker.reserveTokens(orchestratorId, tokens, 'all');
        if (held.reservationId === undefined) {
          tally.deny(row, held.period);
        } else {
          const total = row.promptTokens + row.completionTokens;
          await tracker.releaseReservation(held.reservationId, total, attributionOf(row, model));
          tally.settle(row, tokens);
          estimator.learn(row);
        }
        run.onProgress();
      }
    }
    const durationMs = performance.now() - startMs;
    const closed = await windows.finish();
    const differences = compare(tally, closed);
    return {
      windows: closed,
      crossings,
      differences,
      notes: [],
      durationMs,
      rebasedByMs: null,
      failure: null,
    };
  } finally {
    await tracker.close();
  }
}
