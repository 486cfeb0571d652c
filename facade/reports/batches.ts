import { closedError, TokenBudgetError } from '../errors';
import type { LedgerRecord, Outcome } from './source';

const BATCH_MAX = 1000;
/** While one is being written, the next one is got ready. */
const IN_FLIGHT_MAX = 2;
/** A record takes about a kilobyte. */
const WAITING_MAX = 100_000;

/** Records that are written together, and what became of them, in order. */
interface Batch {
  records: LedgerRecord[];
  outcomes: Promise<Outcome[]>;
  resolve(outcomes: Outcome[]): void;
  reject(error: unknown): void;
}

/** Records that are reported while others are written go together. */
export class Batches {
  readonly #write: (records: LedgerRecord[]) => Promise<Outcome[]>;
  /** All but the last one are full. */
  readonly #waiting: Batch[] = [];
  #waitingRecords = 0;
  #inFlight = 0;
  #scheduled = false;
  #closed = false;
  #idle: (() => void)[] = [];

  /** `write` answers an outcome for each record, in order, or rejects and has written none. */
  constructor(write: (records: LedgerRecord[]) => Promise<Outcome[]>) {
    this.#write = write;
  }

  async add(record: LedgerRecord): Promise<Outcome> {
    if (this.#closed) throw closedError('reporter');
    if (this.#waitingRecords >= WAITING_MAX) {
      throw new TokenBudgetError('STORE_UNAVAILABLE', `${WAITING_MAX} records wait to be written already`);
    }
    const batch = this.#open();
    const index = batch.records.push(record) - 1;
    this.#waitingRecords += 1;
    if (!this.#scheduled) {
      this.#scheduled = true;
      // What is reported in one go is written in one.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#pump();
      });
    }
    return (await batch.outcomes)[index] as Outcome;
  }

  /** Resolves when everything that was added is written, or could not be. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise(resolve => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  /** The one that takes the next record. */
  #open(): Batch {
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.records.length < BATCH_MAX) return last;
    const batch = { records: [] } as unknown as Batch;
    batch.outcomes = new Promise((resolve, reject) => {
      batch.resolve = resolve;
      batch.reject = reject;
    });
    this.#waiting.push(batch);
    return batch;
  }

  #pump(): void {
    while (this.#inFlight < IN_FLIGHT_MAX) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      this.#waitingRecords -= batch.records.length;
      this.#inFlight += 1;
      void this.#flush(batch);
    }
  }

  async #flush({ records, resolve, reject }: Batch): Promise<void> {
    try {
      resolve(await this.#write(records));
    } catch (error) {
      reject(error);
    }
    this.#inFlight -= 1;
    this.#pump();
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#inFlight > 0 || this.#waiting.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
