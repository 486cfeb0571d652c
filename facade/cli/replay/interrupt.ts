const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Turns the first Ctrl-C (or SIGTERM) into an abort, so that the replay can end with its table. The second
 * one does what it always does.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  /** What a shell expects of a command that a signal ended; `null` while none came. */
  exitCode: number | null = null;
  readonly #listener = (name: NodeJS.Signals) => {
    this.exitCode = SIGNALS[name as keyof typeof SIGNALS];
    this.stopListening();
    this.#controller.abort();
  };

  constructor() {
    for (const name of Object.keys(SIGNALS)) {
      process.on(name, this.#listener);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stopListening(): void {
    for (const name of Object.keys(SIGNALS)) {
      process.off(name, this.#listener);
    }
  }
}
