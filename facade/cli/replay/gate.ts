/** Lets at most `capacity` tasks run at once. */
export class Gate {
  readonly #capacity: number;
  #running = 0;
  #wake: (() => void) | null = null;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Starts `task`, which must not reject, as soon as there is room; resolves when it has started. */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#capacity) {
      await this.#change();
    }
    this.#running += 1;
    void task().finally(() => {
      this.#running -= 1;
      this.#wake?.();
    });
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running > 0) {
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve;
    });
  }
}
