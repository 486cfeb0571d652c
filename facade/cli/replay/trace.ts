import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { LineSplitter } from './lines';
import { type MalformedRow, RowReader, type TraceRow } from './rows';

/**
 * The rows of a trace, one batch for each chunk of the stream, so that a trace of any length needs the
 * memory of one chunk. Malformed rows go to `onMalformed`, in order, and cost nothing else.
 */
export class Trace {
  /** Bytes of the chunks handed out so far, for a progress bar. */
  bytesRead = 0;
  readonly #stream: Readable;
  readonly #onMalformed: (row: MalformedRow) => void;

  constructor(stream: Readable, onMalformed: (row: MalformedRow) => void) {
    this.#stream = stream;
    this.#onMalformed = onMalformed;
  }

  async *batches(): AsyncGenerator<TraceRow[]> {
    let batch: TraceRow[] = [];
    const reader = new RowReader();
    const splitter = new LineSplitter((text, line) => {
      const row = reader.read(text, line);
      if (typeof row === 'string') {
        this.#onMalformed({ line, reason: row });
      } else if (row !== null) {
        batch.push(row);
      }
    });
    const decoder = new StringDecoder('utf8');
    for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
      splitter.push(decoder.write(chunk));
      this.bytesRead += chunk.length;
      yield batch;
      batch = [];
    }
    splitter.push(decoder.end());
    splitter.end();
    yield batch;
    reader.end();
  }
}
