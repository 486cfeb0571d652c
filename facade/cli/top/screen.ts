/** The terminal while `top` has it. */
import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const CLEAR_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

export type Key = 'up' | 'down' | 'left' | 'right' | 'quit';

const KEYS: Readonly<Record<string, Key>> = {
  '\u001B[A': 'up',
  '\u001BOA': 'up',
  k: 'up',
  '\u001B[B': 'down',
  '\u001BOB': 'down',
  j: 'down',
  '\u001B[D': 'left',
  '\u001BOD': 'left',
  h: 'left',
  '\u001B[C': 'right',
  '\u001BOC': 'right',
  l: 'right',
  q: 'quit',
  Q: 'quit',
  '\u0003': 'quit',
  '\u0004': 'quit',
};

/** Keys in what a terminal sent at once. */
export function keysIn(text: string): Key[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control sequences
  return [...text.matchAll(/\u001B[[O][A-Z]|[\s\S]/g)].flatMap(([found]) => KEYS[found] ?? []);
}

export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #onKey: (key: Key) => void;
  readonly #onData = (data: Buffer | string) => {
    for (const key of keysIn(data.toString())) this.#onKey(key);
  };
  // Whatever ends the process, the terminal is given back.
  readonly #restore = () => this.leave();
  #entered = false;

  constructor(input: ReadStream, output: WriteStream, onKey: (key: Key) => void) {
    this.#input = input;
    this.#output = output;
    this.#onKey = onKey;
  }

  get columns(): number {
    return this.#output.columns || 80;
  }

  get rows(): number {
    return this.#output.rows || 24;
  }

  enter(): void {
    this.#entered = true;
    this.#output.write(ENTER);
    this.#input.setRawMode(true);
    this.#input.on('data', this.#onData);
    this.#input.resume();
    process.on('exit', this.#restore);
  }

  /** In one write, over what was there, so that nothing flickers. */
  draw(lines: readonly string[]): void {
    const text = lines.slice(0, this.rows).join(`${CLEAR_LINE}\r\n`);
    this.#output.write(`${HOME}${text}${CLEAR_LINE}${CLEAR_BELOW}`);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#restore);
    this.#input.off('data', this.#onData);
    this.#input.setRawMode(false);
    this.#input.pause();
    this.#output.write(LEAVE);
  }
}
