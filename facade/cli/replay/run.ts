import type { Crossing } from './crossings';
import type { Estimator } from './estimate';
import type { ReplayOptions } from './options';
import type { TraceRow } from './rows';
import type { Tally } from './tally';
import type { WindowUsage } from './windows';

/** What a replay works on. */
export interface Run {
  options: ReplayOptions;
  estimator: Estimator;
  tally: Tally;
  batches: AsyncIterable<TraceRow[]>;
  /** Aborted by Ctrl-C: no further row is begun. */
  signal: AbortSignal;
  /** Called after each row. */
  onProgress(): void;
}

/** What a replay found out. */
export interface Outcome {
  windows: WindowUsage[];
  crossings: Crossing[];
  /** Where the tracker's figures differ from what was settled; empty is well. */
  differences: string[];
  /** What the reader of the figures should know. */
  notes: string[];
  durationMs: number;
  /** Redis only: what is added to the times of the trace so that the last row is now. */
  rebasedByMs: number | null;
  /** The store failed and the replay stopped. */
  failure: string | null;
}

/** Every admitted request is settled with this beside its tokens. */
export function attributionOf(row: TraceRow, model: string) {
  return {
    promptTokens: row.promptTokens,
    completionTokens: row.completionTokens,
    model,
    sessionId: 'replay',
  };
}
