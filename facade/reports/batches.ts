import { closedError, TokenBudgetError } from '../errors';
import type { LedgerRecord, Outcome } from './source';

const BATCH_MAX = 1000;
/** While one is being written, the next one is got ready. */
const IN_FLIGHT_MAX = 2;
/** A record takes about a kilobyte. */
const WAITING_MAX = 100_000;

interface Waiting {
  record: LedgerRecord;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

/** Records that are reported while others are written go together. */
export class Batches {
  readonly #write: (records: LedgerRecord[]) => Promise<Outcome[]>;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;
  #closed = false;
  #idle: (() => void)[] = [];

  /** `write` answers an outcome for each record, in order, or rejects and has written none. */
  constructor(write: (records: LedgerRecord[]) => Promise<Outcome[]>) {
    this.#write = write;
  }

  add(record: LedgerRecord): Promise<Outcome> {
    if (this.#closed) return Promise.reject(closedError('reporter'));
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} records wait to be written already`;
      return Promise.reject(new TokenBudgetError('STORE_UNAVAILABLE', message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // What is reported in one go is written in one.
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#pump();
      });
    });
  }

  /** Resolves when everything that was added is written, or could not be. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise(resolve => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  #pump(): void {
    while (this.#inFlight < IN_FLIGHT_MAX && this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      this.#inFlight += 1;
      void this.#flush(batch);
    }
  }

  async #flush(batch: Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#write(batch.map(({ record }) => record));
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as Outcome);
    } catch (error) {
      for (const { reject } of batch) reject(error);
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
