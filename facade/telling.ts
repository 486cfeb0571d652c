import { EventEmitter } from 'node:events';

type Listener = (...args: never) => unknown;

/**
 * Tells listeners. One that throws, or whose promise rejects, stops neither the operation nor the
 * listeners after it: the failure goes to `error` when somebody listens there, else nowhere.
 */
export class Telling<Events extends { error: unknown[] }> {
  /** Whose listeners are told. */
  readonly emitter: EventEmitter;

  constructor(emitter: EventEmitter) {
    this.emitter = emitter;
  }

  /** Whether an event would reach anybody: a listener, or whoever has replaced `emit`. */
  reaches(name: keyof Events & string): boolean {
    return this.emitter.emit !== EventEmitter.prototype.emit || this.emitter.listenerCount(name) > 0;
  }

  emit<E extends keyof Events & string>(name: E, ...args: Events[E] & unknown[]): void {
    const emitter = this.emitter;
    if (emitter.emit !== EventEmitter.prototype.emit) {
      // Somebody watches or forwards every event by replacing `emit`.
      if (name !== 'error' || emitter.listenerCount(name) > 0)
        this.#call(name, emitter.emit, [name, ...args]);
    } else if (emitter.listenerCount(name) > 0) {
      for (const listener of emitter.rawListeners(name)) this.#call(name, listener as Listener, args);
    }
  }

  #call(name: string, listener: Listener, args: readonly unknown[]): void {
    try {
      const result: unknown = Reflect.apply(listener, this.emitter, args);
      if (typeof result === 'object' && result !== null && 'then' in result) {
        Promise.resolve(result).then(undefined, (error: unknown) => this.#failed(name, error));
      }
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: string, error: unknown): void {
    if (name !== 'error') this.emit('error', ...([error] as unknown as Events['error'] & unknown[]));
  }
}
