import { AsyncLocalStorage } from 'node:async_hooks';

type Observe = (answer: unknown) => void;

/**
 * A rotation that runs, and the one around it. Node.js hangs it on promises and streams, which can be looked into:
 * nothing of it is a property.
 */
class Surroundings {
  readonly #token: string;
  readonly #observe: Observe;
  readonly #outer: Surroundings | undefined;

  constructor(token: string, observe: Observe, outer: Surroundings | undefined) {
    this.#token = token;
    this.#observe = observe;
    this.#outer = outer;
  }

  answered(token: string, answer: unknown): void {
    if (token === this.#token) this.#observe(answer);
    this.#outer?.answered(token, answer);
  }
}

const current = new AsyncLocalStorage<Surroundings>();

/** Runs what gets a token, so that answers on it are heard of wherever they arrive. */
export function within<T>(token: string, observe: Observe, run: () => T): T {
  return current.run(new Surroundings(token, observe, current.getStore()), run);
}

/**
 * A client that was made with the token of a rotation got an answer: the rotation learns from it what its own
 * function does not return.
 */
export function answered(token: string, answer: unknown): void {
  current.getStore()?.answered(token, answer);
}
