const TIMEOUT_MAX_MS = 2 ** 31 - 1;
/** Reservations that expire close to each other are given back together. */
const TIMEOUT_MIN_MS = 10;

/** One timer for the next expiry of anything; it never keeps the process alive. */
export class ExpiryTimer {
  readonly #now: () => number;
  readonly #fire: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = Infinity;

  constructor(now: () => number, fire: () => void) {
    this.#now = now;
    this.#fire = fire;
  }

  /** Makes sure it fires at `dueMs` or before; one that should have fired long ago is set anew. */
  atLatest(dueMs: number, nowMs: number): void {
    if (this.#dueMs <= dueMs && this.#dueMs > nowMs) return;
    this.clear();
    this.#dueMs = dueMs;
    const delayMs = Math.min(Math.max(dueMs - nowMs, TIMEOUT_MIN_MS), TIMEOUT_MAX_MS);
    this.#timer = setTimeout(() => {
      this.#dueMs = Infinity;
      this.#timer = undefined;
      this.#fire();
    }, delayMs);
    // Some fake timers hand out numbers.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  /** Sets it for the next expiry, `-1` for none. */
  next(dueMs: number): void {
    if (dueMs >= 0) this.atLatest(dueMs, this.#now());
  }

  clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueMs = Infinity;
  }
}
