import { Announcer } from '../../events';
import type { TrackerEvents } from '../../types/events';
import type { Gate } from './gate';

/** Tells the listeners of a tracker what is on disk, and nothing before. */
export class GatedAnnouncer extends Announcer {
  readonly #gate: Gate;

  constructor(announcer: Announcer, gate: Gate) {
    super(announcer.emitter, announcer.currency);
    this.#gate = gate;
  }

  override emit<E extends keyof TrackerEvents & string>(
    name: E,
    ...args: TrackerEvents[E] & unknown[]
  ): void {
    const emit = super.emit as (name: E, ...args: unknown[]) => void;
    this.#gate.tell(() => emit.call(this, name, ...args));
  }
}
