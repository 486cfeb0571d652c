import { CommandError } from '../exit';
import { splitCsv } from './csv';
import { LINE_MAX_CHARACTERS } from './lines';
import { readTimestamp } from './timestamp';

/** One request of a trace. */
export interface TraceRow {
  atMs: number;
  promptTokens: number;
  completionTokens: number;
}

/** A line that is no row. */
export interface MalformedRow {
  /** Counted from 1, the header included. */
  line: number;
  reason: string;
}

export const COLUMNS = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const;

const BYTE_ORDER_MARK = '\uFEFF';
const SHOWN_MAX_CHARACTERS = 40;
const WANTED_TOKENS = 'expected a whole number from 0 to 2^53 - 1';

/** Where the columns are, and how many fields a row has. */
interface Columns {
  count: number;
  at: number;
  prompt: number;
  completion: number;
}

/** Reads the lines of a trace: the header first, then rows. */
export class RowReader {
  #columns: Columns | null = null;

  /** The row; `null` for the header and for blank lines; a string says why it is no row. */
  read(text: string | null, lineNumber: number): TraceRow | string | null {
    if (text === null) {
      return this.#columns ? `longer than ${LINE_MAX_CHARACTERS} characters` : this.#noHeader(lineNumber);
    }
    const line = lineNumber === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    if (line.trim() === '') {
      return null;
    }
    const fields = splitCsv(line);
    if (this.#columns === null) {
      this.#readHeader(fields ?? this.#noHeader(lineNumber), lineNumber);
      return null;
    }
    return fields === null ? 'a quote is not closed or not alone' : this.#readRow(fields, this.#columns);
  }

  /** Throws when not even a header came. */
  end(): void {
    if (this.#columns === null) {
      throw new CommandError(`the trace is empty: expected a header with ${COLUMNS.join(', ')}`);
    }
  }

  #readHeader(names: string[], lineNumber: number): void {
    const [at, prompt, completion] = COLUMNS.map(column => {
      const index = names.indexOf(column);
      if (index === -1) {
        throw new CommandError(
          `line ${lineNumber}: the header has no column ${column}, only ${shown(names.join(','))}`,
        );
      }
      if (names.lastIndexOf(column) !== index) {
        throw new CommandError(`line ${lineNumber}: the header names ${column} twice`);
      }
      return index;
    }) as [number, number, number];
    this.#columns = { count: names.length, at, prompt, completion };
  }

  #noHeader(lineNumber: number): never {
    throw new CommandError(`line ${lineNumber}: expected a header with ${COLUMNS.join(', ')}`);
  }

  #readRow(fields: string[], columns: Columns): TraceRow | string {
    if (fields.length !== columns.count) {
      return `expected ${columns.count} fields, got ${fields.length}`;
    }
    const at = fields[columns.at] as string;
    const atMs = readTimestamp(at);
    if (atMs === null) {
      return `TIMESTAMP: expected such as 2023-11-16 18:15:46.6805900, got ${shown(at)}`;
    }
    const prompt = fields[columns.prompt] as string;
    const promptTokens = readTokens(prompt);
    if (promptTokens === null) {
      return `ContextTokens: ${WANTED_TOKENS}, got ${shown(prompt)}`;
    }
    const completion = fields[columns.completion] as string;
    const completionTokens = readTokens(completion);
    if (completionTokens === null) {
      return `GeneratedTokens: ${WANTED_TOKENS}, got ${shown(completion)}`;
    }
    return Number.isSafeInteger(promptTokens + completionTokens)
      ? { atMs, promptTokens, completionTokens }
      : 'ContextTokens and GeneratedTokens add up to more than 2^53 - 1';
  }
}

function readTokens(text: string): number | null {
  const tokens = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(tokens) ? tokens : null;
}

/** As JSON, so that control characters of a broken file never reach the terminal. */
function shown(text: string): string {
  return JSON.stringify(
    text.length > SHOWN_MAX_CHARACTERS ? `${text.slice(0, SHOWN_MAX_CHARACTERS)}...` : text,
  );
}
