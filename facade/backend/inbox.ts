import { Kind, numberAt, textLength } from './protocol';

/** One record, read where it lies. The same object is used for each: keep nothing of it. */
export class InboxRecord {
  numbers: Float64Array = new Float64Array(0);
  kind = 0;
  call = 0;
  /** Index of the first number after `call`. */
  at = 0;
  text = '';
  #textAt = 0;

  place(numbers: Float64Array, at: number, text: string, textAt: number): void {
    this.numbers = numbers;
    this.kind = numberAt(numbers, at + 1);
    this.call = numberAt(numbers, at + 2);
    this.at = at + 3;
    this.text = text;
    this.#textAt = textAt;
  }

  number(index: number): number {
    return numberAt(this.numbers, this.at + index);
  }

  /** The next text, measured by number `index`. Texts are read in their order, each once. */
  string(index: number): string {
    const from = this.#textAt;
    this.#textAt = from + Math.max(0, this.number(index));
    return this.text.slice(from, this.#textAt);
  }
}

/** Many records; none is longer than 64 numbers. */
const LENGTH = 4096;
const HEADER_LENGTH = 3;

/** Takes whole records until nothing is left; see "Records" in `docs/boundary.md`. */
export class Inbox {
  readonly #numbers = new Float64Array(LENGTH);
  readonly #record = new InboxRecord();

  drain(take: (out: Float64Array) => string, deliver: (record: InboxRecord) => void): void {
    const numbers = this.#numbers;
    let end = -1;
    while (end < 0) {
      const text = take(numbers);
      end = numberAt(numbers, 0);
      let textAt = 0;
      for (let at = 1; at < Math.abs(end); at += Math.max(HEADER_LENGTH, numberAt(numbers, at))) {
        this.#record.place(numbers, at, text, textAt);
        textAt += textLength(numberAt(numbers, at + 1), numbers, at + HEADER_LENGTH);
        deliver(this.#record);
      }
    }
  }
}

export function isEvent(kind: number): boolean {
  return kind >= Kind.threshold;
}
