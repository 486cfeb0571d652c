const TIMEOUT_MAX_MS = 2 ** 31 - 1;
/** Reservations that expire close to each other are given back together. */
const TIMEOUT_MIN_MS = 10;
const RETRY_MS = 500;

/** One timer for the next expiry of anything; it never keeps the process alive. */
export class ExpiryTimer {
  readonly #now: () => number;
  readonly #fire: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When it fires, by the clock; `Infinity` while it is not set. */
  #firesAtMs = Infinity;
  #isEnded = false;

  constructor(now: () => number, fire: () => void) {
    this.#now = now;
    this.#fire = fire;
  }

  /** Makes sure it fires at `dueMs` or before; one that should have fired before `nowMs` is set anew. */
  atLatest(dueMs: number, nowMs: number): void {
    if (this.#firesAtMs <= dueMs && this.#firesAtMs > nowMs) return;
    const firesAtMs = Math.max(Math.min(dueMs, this.#firesAtMs), nowMs + TIMEOUT_MIN_MS);
    this.#set(firesAtMs, firesAtMs - nowMs);
  }

  /** Sets it for the next expiry, `-1` for none. */
  next(dueMs: number): void {
    if (dueMs >= 0) this.atLatest(dueMs, this.#now());
  }

  /** Fires again soon: what is due now is still due, and it is not known what time it is. */
  retry(): void {
    this.#set(-Infinity, RETRY_MS);
  }

  /** It never fires again. */
  end(): void {
    this.#isEnded = true;
    this.#clear();
  }

  #clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #set(firesAtMs: number, delayMs: number): void {
    if (this.#isEnded) return;
    this.#clear();
    this.#firesAtMs = firesAtMs;
    this.#timer = setTimeout(
      () => {
        this.#firesAtMs = Infinity;
        this.#timer = undefined;
        this.#fire();
      },
      Math.min(delayMs, TIMEOUT_MAX_MS),
    );
    // Some fake timers hand out numbers.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }
}
