/** A setTimeout that is told to wait longer fires at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;
/** Longer sleeps are cut into pieces, so that a clock that was set, or a machine that slept, is noticed. */
const NAP_MAX_MS = 300_000;

/** Rings once at an instant of a clock, or soon after; it never keeps the process alive. */
export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #atMs = Infinity;
  #isEnded = false;

  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  /** Sees to it that it rings at `atMs` at the latest. */
  atLatest(atMs: number): void {
    if (atMs < this.#atMs) this.at(atMs);
  }

  /** Rings at `atMs`, and not before. `Infinity`: not at all. */
  at(atMs: number): void {
    if (this.#isEnded) return;
    this.#clear();
    this.#atMs = atMs;
    if (atMs !== Infinity) this.#sleep();
  }

  end(): void {
    this.#isEnded = true;
    this.#clear();
  }

  #sleep(): void {
    const leftMs = Math.max(0, this.#atMs - this.#now());
    this.#timer = setTimeout(
      () => {
        if (this.#now() < this.#atMs) {
          this.#sleep();
          return;
        }
        this.#clear();
        this.#ring();
      },
      Math.min(leftMs, NAP_MAX_MS, TIMEOUT_MAX_MS),
    );
    // Some fake timers hand out numbers.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  #clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = Infinity;
  }
}
