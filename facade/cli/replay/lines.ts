/** A line longer than this is no row of a trace; it is skipped, and never held in memory as a whole. */
export const LINE_MAX_CHARACTERS = 65_536;

/** `text` is `null` for a line that is too long. Lines are counted from 1. */
export type LineListener = (text: string | null, lineNumber: number) => void;

/**
 * Cuts chunks of text into lines that end with LF or CRLF. A quoted line break is a line break too: a
 * quote that somebody forgot to close costs its line and not the rest of the trace.
 */
export class LineSplitter {
  #rest = '';
  #tooLong = false;
  #lineNumber = 0;
  readonly #listener: LineListener;

  constructor(listener: LineListener) {
    this.#listener = listener;
  }

  push(chunk: string): void {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      this.#line(this.#rest + chunk.slice(start, end));
      start = end + 1;
    }
    this.#rest += chunk.slice(start);
    if (this.#rest.length > LINE_MAX_CHARACTERS) {
      this.#tooLong = true;
      this.#rest = '';
    }
  }

  /** The last line may lack its line break. */
  end(): void {
    if (this.#rest !== '' || this.#tooLong) {
      this.#line(this.#rest);
    }
  }

  #line(text: string): void {
    this.#lineNumber += 1;
    const tooLong = this.#tooLong || text.length > LINE_MAX_CHARACTERS;
    this.#rest = '';
    this.#tooLong = false;
    this.#listener(tooLong ? null : text.endsWith('\r') ? text.slice(0, -1) : text, this.#lineNumber);
  }
}
