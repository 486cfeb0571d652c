import type { CoordinationNews } from './coordination';

type Listener = (...news: CoordinationNews) => void;

/** Who wants to hear what others tell. */
export class NewsListeners {
  readonly #listeners = new Set<Listener>();

  constructor(readonly onIdle = () => {}) {}

  /** Returns what ends it. */
  add(listener: Listener): () => void {
    // Wrapped, so that the same function can be added twice and ended once.
    const entry: Listener = (...news) => listener(...news);
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.onIdle();
    };
  }

  /** Listeners are this package's own and do not throw. */
  tell(...news: CoordinationNews): void {
    for (const listener of [...this.#listeners]) listener(...news);
  }
}

const shared = new Map<string, NewsListeners>();

/** Those of a store in memory; everybody in this thread who names it shares them while somebody listens. */
export function newsOf(memoryName: unknown): NewsListeners {
  if (typeof memoryName !== 'string') return new NewsListeners();
  const known = shared.get(memoryName);
  if (known !== undefined) return known;
  const news = new NewsListeners(() => shared.delete(memoryName));
  shared.set(memoryName, news);
  return news;
}
