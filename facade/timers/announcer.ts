import { EventEmitter } from 'node:events';
import { Telling } from '../telling';
import type { CoordinatorEvents, TimerExpiredEvent } from './types';

/** Tells the listeners of a coordinator. */
export class Announcer extends Telling<CoordinatorEvents> {
  /** Told before anybody else that a store is there. */
  onConnected = () => {};
  readonly #listeners: EventEmitter;

  constructor(emitter: EventEmitter) {
    super(emitter);
    this.#listeners = emitter;
  }

  override emit<E extends keyof CoordinatorEvents & string>(
    name: E,
    ...args: CoordinatorEvents[E] & unknown[]
  ): void {
    if (name === 'store:connected') this.onConnected();
    Reflect.apply(super.emit, this, [name, ...args]);
  }

  /**
   * Tells that a timer has fired. Returns what has to settle before it counts as fired; nothing of it rejects. A
   * listener that throws, or whose promise rejects, is told by `error`.
   */
  expired(event: TimerExpiredEvent): Array<Promise<unknown>> {
    const emitter = this.#listeners;
    const open: Array<Promise<unknown>> = [];
    // Somebody watches or forwards every event by replacing `emit`.
    if (emitter.emit !== EventEmitter.prototype.emit) {
      this.#run(() => emitter.emit('timer:expired', event), open);
      return open;
    }
    for (const listener of emitter.rawListeners('timer:expired')) {
      this.#run(() => Reflect.apply(listener, emitter, [event]), open);
    }
    return open;
  }

  #run(call: () => unknown, open: Array<Promise<unknown>>): void {
    try {
      const result = call();
      if (typeof result === 'object' && result !== null && 'then' in result) {
        open.push(Promise.resolve(result).then(undefined, error => this.emit('error', error)));
      }
    } catch (error) {
      this.emit('error', error);
    }
  }
}
