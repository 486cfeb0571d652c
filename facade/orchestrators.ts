const LIMIT = 10_000;

/** The orchestrators a tracker has used lately, at most 10,000. */
export class Orchestrators {
  readonly #ids = new Set<string>();
  #last = '';

  add(id: string): void {
    if (id === this.#last) return;
    this.#last = id;
    if (this.#ids.has(id)) return;
    if (this.#ids.size >= LIMIT) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    this.#ids.add(id);
  }

  all(): string[] {
    return [...this.#ids];
  }
}
