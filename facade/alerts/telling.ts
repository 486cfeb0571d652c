/** Calls what the caller gave; what fails there breaks nothing here. */
import type { AlertErrorContext, AlertSettings } from './options';

export class Callbacks {
  readonly #given: AlertSettings['callbacks'];

  constructor(given: AlertSettings['callbacks']) {
    this.#given = given;
  }

  get given(): AlertSettings['callbacks'] {
    return this.#given;
  }

  /** Awaits it. What it throws is told by `onError`. */
  async call(
    of: AlertErrorContext['of'],
    context: Omit<AlertErrorContext, 'of'>,
    work: () => unknown,
  ): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.failed(error, { of, ...context });
      return false;
    }
  }

  failed(error: unknown, context: AlertErrorContext): void {
    try {
      const result: unknown = this.#given.onError?.(error, context);
      if (typeof result === 'object' && result !== null && 'then' in result) {
        Promise.resolve(result).then(undefined, () => {});
      }
    } catch {
      // Nobody else is there to be told.
    }
  }
}
