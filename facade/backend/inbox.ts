import { Kind, textLength } from './protocol';

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
    this.kind = numbers[at + 1]!;
    this.call = numbers[at + 2]!;
    this.at = at + 3;
    this.text = text;
    this.#textAt = textAt;
  }

  number(index: number): number {
    return this.numbers[this.at + index]!;
  }

  /** The next text, measured by number `index`. Texts are read in their order, each once. */
  string(index: number): string {
    const from = this.#textAt;
    this.#textAt = from + Math.max(0, this.number(index));
    return this.text.slice(from, this.#textAt);
  }
}

const INITIAL_LENGTH = 4096;
/** Far beyond any record. */
const MAX_LENGTH = 2 ** 22;
const HEADER_LENGTH = 3;

/** Takes whole records until nothing is left; see "Records" in `docs/boundary.md`. */
export class Inbox {
  #numbers = new Float64Array(INITIAL_LENGTH);
  readonly #record = new InboxRecord();

  drain(take: (out: Float64Array) => string, deliver: (record: InboxRecord) => void): void {
    for (;;) {
      const numbers = this.#numbers;
      const text = take(numbers);
      const end = numbers[0]!;
      if (end === 0) {
        if (numbers.length >= MAX_LENGTH) throw new RangeError('A record is longer than any can be');
        this.#numbers = new Float64Array(numbers.length * 2);
        continue;
      }
      let textAt = 0;
      for (let at = 1; at < Math.abs(end); at += Math.max(HEADER_LENGTH, numbers[at]!)) {
        this.#record.place(numbers, at, text, textAt);
        textAt += textLength(numbers[at + 1]!, numbers, at + HEADER_LENGTH);
        deliver(this.#record);
      }
      if (end > 0) return;
    }
  }
}

export function isEvent(kind: number): boolean {
  return kind >= Kind.threshold;
}
