import type { CoordinationNews } from './coordination';

type Listener = (...news: CoordinationNews) => void;

/** Who wants to hear what others tell. */
export class NewsListeners {
  readonly #listeners = new Set<Listener>();

  /** Returns what ends it. */
  add(listener: Listener): () => void {
    // Wrapped, so that the same function can be added twice and ended once.
    const entry: Listener = (...news) => listener(...news);
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  /** Listeners are this package's own and do not throw. */
  tell(...news: CoordinationNews): void {
    for (const listener of [...this.#listeners]) listener(...news);
  }
}
