import type { WriteStream } from 'node:tty';
import { formatCount } from '../format';

const REDRAW_MS = 100;
const DEFAULT_COLUMNS = 80;
const BAR_MAX_WIDTH = 40;
const BAR_MIN_WIDTH = 5;
const CLEAR_LINE = '\r\u001B[K';

/** One moment of a replay. */
export interface ProgressView {
  requests: number;
  denied: number;
  bytesRead: number;
  /** `null` when nobody knows where the trace ends. */
  sizeBytes: number | null;
}

/** One line of at most `columns - 1` characters, so that no terminal wraps it. */
export function renderProgress(view: ProgressView, columns: number, colour: boolean): string {
  const denied = view.denied === 0 ? '' : `, ${formatCount(view.denied)} denied`;
  const counts = `${formatCount(view.requests)} requests${denied}`;
  const room = columns - 1;
  if (view.sizeBytes === null || view.sizeBytes === 0) {
    return counts.slice(0, room);
  }
  const done = Math.min(1, view.bytesRead / view.sizeBytes);
  const percent = `${String(Math.floor(done * 100)).padStart(3)}%`;
  const width = Math.min(BAR_MAX_WIDTH, room - percent.length - counts.length - 4);
  if (width < BAR_MIN_WIDTH) {
    return `${percent} ${counts}`.slice(0, room);
  }
  const filled = Math.round(done * width);
  const full = '#'.repeat(filled);
  const bar = (colour ? `\u001B[32m${full}\u001B[39m` : full) + '-'.repeat(width - filled);
  return `[${bar}] ${percent} ${counts}`;
}

/**
 * Draws on a terminal, at most ten times a second, each time in one write over the line before. A timer
 * would starve while the replay keeps the thread busy: the replay calls `update` itself.
 */
export class ProgressBar {
  readonly #terminal: WriteStream | null;
  readonly #colour: boolean;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #visible = false;

  /** `null` draws nothing. */
  constructor(terminal: WriteStream | null, colour: boolean) {
    this.#terminal = terminal;
    this.#colour = colour;
  }

  /** `view` is only called when it is drawn. */
  update(view: () => ProgressView): void {
    if (this.#terminal === null) {
      return;
    }
    const nowMs = performance.now();
    if (nowMs - this.#drawnAtMs < REDRAW_MS) {
      return;
    }
    this.#drawnAtMs = nowMs;
    this.#visible = true;
    const line = renderProgress(view(), this.#terminal.columns || DEFAULT_COLUMNS, this.#colour);
    this.#terminal.write(`\r${line}\u001B[K`);
  }

  /** Removes the line, before something else is written and at the end. */
  clear(): void {
    if (this.#visible) {
      this.#visible = false;
      this.#terminal?.write(CLEAR_LINE);
    }
  }
}

/** The bar of standard error, where it is a terminal that can redraw a line. */
export function progressOf(stream: WriteStream, wanted: boolean, env: NodeJS.ProcessEnv): ProgressBar {
  const draws = wanted && stream.isTTY === true && env.TERM !== 'dumb';
  // https://no-color.org: set and not empty.
  return new ProgressBar(draws ? stream : null, !env.NO_COLOR);
}
