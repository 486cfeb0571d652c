/** What tells how far the disk has come. */
export interface Progress {
  writtenSeq(): number;
  durableSeq(): number;
}

type Action = () => void;

/** What was decided and cannot be told yet. */
export interface Held {
  /** Everything up to this must be on disk before. */
  readonly seq: number;
  readonly events: readonly Action[];
  /** Run after the events. */
  readonly done: Action | undefined;
}

/** A decision, and what it has to say. */
export interface Decision<T> {
  value: T;
  seq: number;
  /** `false`: it surely changed nothing. */
  hasWritten: boolean;
  events: readonly Action[];
}

const NOTHING: readonly Action[] = [];

/**
 * Nothing leaves before it is on disk. A decision may rest on whatever was decided before it, in any object of the
 * storage, so there is one line for all of them: what was decided first is told first, and nothing is told before
 * everything that was written until it was decided is durable. While nothing is under way to the disk, nothing waits.
 */
export class Gate {
  readonly #progress: Progress;
  /** In the order of the decisions. */
  readonly #held = new Set<Held>();
  #durableSeq = 0;
  /** The highest number seen. */
  #writtenSeq = 0;
  /** Where a decision that runs puts what it tells. */
  #collected: Action[] | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
    this.#writtenSeq = progress.writtenSeq();
    this.#durableSeq = progress.durableSeq();
  }

  /** How much waits. */
  get size(): number {
    return this.#held.size;
  }

  /** Runs `operation` and keeps back what it tells. It must not throw. */
  decide<T>(operation: () => T): Decision<T> {
    const outer = this.#collected;
    const events: Action[] = [];
    this.#collected = events;
    try {
      const value = operation();
      const before = this.#writtenSeq;
      this.#writtenSeq = this.#progress.writtenSeq();
      const seq = this.#writtenSeq;
      return { value, seq, hasWritten: seq > before, events: events.length === 0 ? NOTHING : events };
    } finally {
      this.#collected = outer;
    }
  }

  /** Whether everything up to `seq` can be told at once. */
  isOpenFor(seq: number): boolean {
    if (this.#held.size > 0) return false;
    if (seq > this.#durableSeq) this.#durableSeq = this.#progress.durableSeq();
    return seq <= this.#durableSeq;
  }

  /** Tells an event as soon as it may be told: with the decision that runs, or by itself. */
  tell(event: Action): void {
    if (this.#collected !== undefined) {
      this.#collected.push(event);
      return;
    }
    this.#writtenSeq = this.#progress.writtenSeq();
    const seq = this.#writtenSeq;
    if (this.isOpenFor(seq)) tellAll([event]);
    else this.hold({ seq, events: [event], done: undefined });
  }

  hold(held: Held): void {
    this.#held.add(held);
  }

  /** It is never told. */
  drop(held: Held): void {
    this.#held.delete(held);
  }

  /** Lets through what is on disk by now. */
  release(): void {
    this.#durableSeq = this.#progress.durableSeq();
    for (const held of this.#held) {
      if (held.seq > this.#durableSeq) return;
      this.#held.delete(held);
      tellAll(held.events);
      held.done?.();
    }
  }
}

/** Listeners that throw are told by `error`; only an emitter whose own methods throw gets here, and nothing hears of it. */
export function tellAll(events: readonly Action[]): void {
  for (const event of events) {
    try {
      event();
    } catch {
      // What befalls one event is no failure of what follows.
    }
  }
}
