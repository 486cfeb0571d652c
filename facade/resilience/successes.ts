/** Successes that are told together: with the next failure, or after a while. */
export class Successes {
  readonly #everyMs: number;
  readonly #tell: (successes: number) => void;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(everyMs: number, tell: (successes: number) => void) {
    this.#everyMs = everyMs;
    this.#tell = tell;
  }

  add(): void {
    this.#count += 1;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const successes = this.take();
      if (successes > 0) this.#tell(successes);
    }, this.#everyMs);
    this.#timer.unref?.();
  }

  /** Those that were not told yet. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  end(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#count = 0;
  }
}
