/** What was measured longer ago than twice this is forgotten: clocks drift, and are set. */
const KEPT_MS = 10_000;

/**
 * The clock of a store on a server, as its answers tell it. An answer tells a time that has passed since, by as long as
 * it was on its way and this thread was busy; so the one that was told with the least delay counts, of the last seconds.
 */
export class StoreClock {
  /** `store's clock - this process's`: the largest of this span of time, and of the one before. */
  #offsetMs = -Infinity;
  #offsetBeforeMs = -Infinity;
  #sinceMs = -Infinity;

  /** An answer came that was made at `storeNowMs`. */
  learn(storeNowMs: number): void {
    const nowMs = Date.now();
    const offsetMs = storeNowMs - nowMs;
    const ageMs = nowMs - this.#sinceMs;
    // This process's own clock was set back, too.
    if (ageMs >= KEPT_MS || ageMs < 0) {
      this.#offsetBeforeMs = ageMs < 2 * KEPT_MS && ageMs >= 0 ? this.#offsetMs : -Infinity;
      this.#offsetMs = offsetMs;
      this.#sinceMs = nowMs;
    } else if (offsetMs > this.#offsetMs) {
      this.#offsetMs = offsetMs;
    }
  }

  now(): number {
    const offsetMs = Math.max(this.#offsetMs, this.#offsetBeforeMs);
    return Date.now() + (offsetMs === -Infinity ? 0 : offsetMs);
  }
}
