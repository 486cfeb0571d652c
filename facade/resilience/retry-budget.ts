const SLOTS = 10;
const SLOT_MS = 1000;

/**
 * How many retries the calls of one policy may cause: in any ten seconds at most `ratio · calls + 10 · minPerSecond`.
 * Without it, a service that begins to fail gets several times its load. By a clock that only goes forward.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #calls = new Float64Array(SLOTS);
  readonly #retries = new Float64Array(SLOTS);
  /** Seconds by the clock, of the slot in use. */
  #slot = 0;

  constructor(ratio: number, minPerSecond: number) {
    this.#ratio = ratio;
    this.#reserve = minPerSecond * SLOTS;
  }

  call(nowMs: number): void {
    this.#turn(nowMs);
    this.#add(this.#calls);
  }

  /** Whether another retry may be made; it counts then. */
  retry(nowMs: number): boolean {
    this.#turn(nowMs);
    // Sums of fractions such as 10 times 0.1 are a little less than they should be.
    const allowed = Math.floor(sum(this.#calls) * this.#ratio + this.#reserve + 1e-9);
    if (sum(this.#retries) >= allowed) return false;
    this.#add(this.#retries);
    return true;
  }

  #add(counts: Float64Array): void {
    const index = this.#slot % SLOTS;
    counts[index] = (counts[index] ?? 0) + 1;
  }

  /** Forgets what is ten seconds old. */
  #turn(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    const passed = Math.min(slot - this.#slot, SLOTS);
    for (let step = 1; step <= passed; step += 1) {
      const index = (slot - passed + step) % SLOTS;
      this.#calls[index] = 0;
      this.#retries[index] = 0;
    }
    if (slot > this.#slot) this.#slot = slot;
  }
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
