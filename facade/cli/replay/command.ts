import { addAbortSignal } from 'node:stream';
import { EXIT } from '../exit';
import { write } from '../output';
import { replayEmbedded } from './embedded';
import { makeEstimator } from './estimate';
import { Interrupt } from './interrupt';
import type { ReplayOptions } from './options';
import { type ProgressBar, progressOf } from './progress';
import { replayOnRedis } from './redis';
import { MALFORMED_LISTED_MAX, makeReport } from './report';
import type { MalformedRow, TraceRow } from './rows';
import type { Outcome, Run } from './run';
import { openSource, type Source } from './source';
import { renderTable } from './table';
import { Tally } from './tally';
import { Trace } from './trace';

/** `token-budget replay`, its arguments read. Returns the exit code. */
export async function replay(options: ReplayOptions): Promise<number> {
  const source = await openSource(options.trace);
  const interrupt = new Interrupt();
  const progress = progressOf(process.stderr, options.progress, process.env);
  const tally = new Tally();
  const malformed: MalformedRow[] = [];
  try {
    const outcome = await drive(source, options, interrupt.signal, progress, tally, malformed);
    const interrupted = interrupt.exitCode !== null;
    const report = makeReport({ options, traceName: source.name, tally, malformed, outcome, interrupted });
    progress.clear();
    await write(process.stdout, options.json ? `${JSON.stringify(report, null, 2)}\n` : renderTable(report));
    if (outcome.failure !== null) {
      await write(process.stderr, `token-budget replay: stopped: ${outcome.failure}\n`);
      return EXIT.failure;
    }
    return interrupt.exitCode ?? (options.strict && tally.malformed > 0 ? EXIT.failure : EXIT.fine);
  } catch (error) {
    // Interrupted before the first row, while connecting: there is nothing to report.
    if (interrupt.signal.aborted && error === interrupt.signal.reason) {
      return interrupt.exitCode ?? EXIT.failure;
    }
    throw error;
  } finally {
    progress.clear();
    interrupt.stopListening();
    source.stream.destroy();
  }
}

function drive(
  source: Source,
  options: ReplayOptions,
  signal: AbortSignal,
  progress: ProgressBar,
  tally: Tally,
  malformed: MalformedRow[],
): Promise<Outcome> {
  addAbortSignal(signal, source.stream);
  const trace = new Trace(source.stream, row => {
    tally.malformed += 1;
    if (malformed.length < MALFORMED_LISTED_MAX) {
      malformed.push(row);
    }
    progress.clear();
    process.stderr.write(`line ${row.line}: ${row.reason}\n`);
  });
  const view = () => ({
    requests: tally.requests,
    denied: tally.denied,
    bytesRead: trace.bytesRead,
    sizeBytes: source.sizeBytes,
  });
  const run: Run = {
    options,
    estimator: makeEstimator(options.estimate),
    tally,
    batches: untilAborted(trace.batches(), signal),
    signal,
    onProgress: () => progress.update(view),
  };
  return options.store === null ? replayEmbedded(run) : replayOnRedis(run, options.store);
}

/** An aborted stream ends the trace instead of failing it. */
async function* untilAborted(
  batches: AsyncIterable<TraceRow[]>,
  signal: AbortSignal,
): AsyncGenerator<TraceRow[]> {
  try {
    yield* batches;
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}
