/** When alerts that nobody acknowledged go to the next level. */

const TIMER_MAX_MS = 2 ** 31 - 1;

/** One timer for all of them, which holds nothing. */
export class Escalations {
  readonly #due: (alertId: string) => void;
  readonly #dueAtMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /** `due` is told of each alert once, and must not throw. */
  constructor(due: (alertId: string) => void) {
    this.#due = due;
  }

  at(alertId: string, dueAtMs: number): void {
    this.#dueAtMs.set(alertId, dueAtMs);
    if (dueAtMs < this.#timerAtMs) this.#wakeAt(dueAtMs);
  }

  forget(alertIds: readonly string[]): void {
    for (const id of alertIds) this.#dueAtMs.delete(id);
  }

  stop(): void {
    this.#dueAtMs.clear();
    clearTimeout(this.#timer);
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    const inMs = Math.min(TIMER_MAX_MS, Math.max(0, atMs - Date.now()));
    this.#timer = setTimeout(() => this.#wake(), inMs);
    // Fake timers of tests may be numbers.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  #wake(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [id, atMs] of [...this.#dueAtMs]) {
      if (atMs > nowMs) {
        next = Math.min(next, atMs);
        continue;
      }
      this.#dueAtMs.delete(id);
      this.#due(id);
    }
    if (next < this.#timerAtMs) this.#wakeAt(next);
  }
}
