import type { UsageSource } from './source';

const DAY_MS = 86_400_000;
/** So that a program that starts has its start to itself. */
const FIRST_MS = 60_000;
const EVERY_MS = 6 * 3_600_000;
const STEP_RECORDS = 5000;
/** More steps than any ledger has records for; a source that never ends must not be asked for ever. */
const STEPS_MAX = 1_000_000;

/**
 * Deletes old records, in steps between which others write. Only a reporter that records does so by itself: one that
 * is opened for a report may have been told another retention than the one that keeps the ledger.
 */
export class Retention {
  readonly #source: UsageSource;
  readonly #retentionDays: number;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<number> | undefined;
  #stopped = false;

  constructor(source: UsageSource, retentionDays: number, failed: (error: unknown) => void) {
    this.#source = source;
    this.#retentionDays = retentionDays;
    this.#failed = failed;
  }

  /** A minute later, and every six hours from then on. */
  start(): void {
    if (this.#timer === undefined && !this.#stopped) this.#schedule(FIRST_MS);
  }

  /** Answers how many were deleted. */
  run(): Promise<number> {
    this.#running ??= this.#delete().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => {});
  }

  #schedule(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#schedule(EVERY_MS);
      this.run().catch(this.#failed);
    }, afterMs);
    this.#timer.unref();
  }

  async #delete(): Promise<number> {
    const beforeMs = Math.max(0, Date.now() - this.#retentionDays * DAY_MS);
    let all = 0;
    for (let step = 0; step < STEPS_MAX && !this.#stopped; step += 1) {
      const { deleted, more } = await this.#source.deleteBefore(beforeMs, STEP_RECORDS);
      all += deleted;
      if (!more) break;
    }
    return all;
  }
}
