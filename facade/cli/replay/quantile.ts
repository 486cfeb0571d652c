/** Larger values count as this one. */
const VALUE_MAX = 65_535;

/**
 * A quantile of whole numbers seen so far, exact up to 65,535. A pointer walks with the data, so that a
 * value costs a few steps and not a search.
 */
export class RunningQuantile {
  readonly #fraction: number;
  readonly #counts = new Uint32Array(VALUE_MAX + 1);
  #seen = 0;
  #value = 0;
  /** How many seen values are smaller than `#value`. */
  #below = 0;

  constructor(fraction: number) {
    this.#fraction = fraction;
  }

  get seen(): number {
    return this.#seen;
  }

  /** The smallest value that at least this fraction of those seen do not exceed; 0 when none was seen. */
  get value(): number {
    return this.#value;
  }

  add(value: number): void {
    const held = Math.min(value, VALUE_MAX);
    this.#counts[held] = this.#count(held) + 1;
    this.#seen += 1;
    if (held < this.#value) {
      this.#below += 1;
    }
    const rank = Math.max(1, Math.ceil(this.#fraction * this.#seen));
    while (this.#below >= rank) {
      this.#value -= 1;
      this.#below -= this.#count(this.#value);
    }
    while (this.#below + this.#count(this.#value) < rank) {
      this.#below += this.#count(this.#value);
      this.#value += 1;
    }
  }

  #count(value: number): number {
    return this.#counts[value] as number;
  }
}
