/** Notifications as an async iterable. */
import { reasonOf, stopWaiting, whenAborted } from '../../abort';
import { TokenBudgetError } from '../../errors';
import type { Feed, InAppEvent, Note, Reader } from './feed';

/** Whoever leaves so many unread is not waited for. */
const UNREAD_MAX = 1000;

interface Waiting {
  resolve(result: IteratorResult<InAppEvent, undefined>): void;
  reject(error: unknown): void;
}

/** Reads from the moment it is made. */
export class InAppStream implements AsyncIterableIterator<InAppEvent, undefined>, Reader {
  readonly #unread: InAppEvent[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #leave: () => void;
  readonly #aborted = () => this.#stop({ error: reasonOf(this.#signal as AbortSignal) });
  #ended: { error?: unknown } | undefined;

  constructor(feed: Feed, userId: string, lastEventId: string | undefined, signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#leave = feed.read(userId, lastEventId, this);
    if (signal !== undefined) whenAborted(signal, this.#aborted);
  }

  next(): Promise<IteratorResult<InAppEvent, undefined>> {
    const event = this.#unread.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended === undefined) {
      return new Promise((resolve, reject) => {
        this.#waiting.push({ resolve, reject });
      });
    }
    const { ended } = { ended: this.#ended };
    // An iterator fails once.
    this.#ended = {};
    return 'error' in ended
      ? Promise.reject(ended.error)
      : Promise.resolve({ done: true as const, value: undefined });
  }

  return(): Promise<IteratorResult<InAppEvent, undefined>> {
    this.#unread.length = 0;
    this.#stop({});
    this.#ended = {};
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** For the feed. */
  take({ id, payload }: Note): void {
    const event = { id, payload: { ...payload, userIds: [...payload.userIds] } };
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#unread.length < UNREAD_MAX) this.#unread.push(event);
    else this.#stop({ error: tooSlow() });
  }

  /** For the feed. */
  end(): void {
    this.#stop({});
  }

  #stop(ended: { error?: unknown }): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    this.#leave();
    if (this.#signal !== undefined) stopWaiting(this.#signal, this.#aborted);
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if ('error' in ended) reject(ended.error);
      else resolve({ done: true, value: undefined });
    }
  }
}

function tooSlow(): TokenBudgetError {
  const message = `The stream has ended: ${UNREAD_MAX} notifications are unread. lastEventId continues it`;
  return new TokenBudgetError('LINE_FULL', message);
}
