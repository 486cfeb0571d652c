/** Notifications of users, and whoever reads them now. */
import { TokenBudgetError } from '../../errors';
import { toJson } from '../../json';
import { uuid } from '../../uuid';
import type { InAppPayload } from '../types';

/** One notification, as streams give it. */
export interface InAppEvent {
  /** For `lastEventId`. */
  id: string;
  payload: InAppPayload;
}

export interface Note extends InAppEvent {
  number: number;
  /** The payload as JSON. */
  json: string;
}

export interface Reader {
  take(note: Note): void;
  /** Nothing comes any more. */
  end(): void;
}

export interface FeedLimits {
  /** Notifications kept for each user. */
  bufferSize: number;
  /** Streams at once. */
  maxReaders: number;
}

interface Box {
  /** Oldest first. */
  notes: Note[];
  readers: Set<Reader>;
}

/** Users whose notifications are kept; of more, those who were told nothing the longest and do not read. */
const USERS_MAX = 10_000;

/** Keeps a few notifications for each user, and hands them to whoever reads. Its bounds bound its memory. */
export class Feed {
  readonly #limits: FeedLimits;
  readonly #boxes = new Map<string, Box>();
  /** Begins the ids, so that one of another process is told apart. */
  readonly #origin = uuid().slice(0, 8);
  #count = 0;
  #readers = 0;

  constructor(limits: FeedLimits) {
    this.#limits = limits;
  }

  /** Answers how many read it now. */
  publish(payload: InAppPayload): number {
    this.#count += 1;
    const number = this.#count;
    const id = `${this.#origin}-${number}`;
    let told = 0;
    for (const userId of new Set(payload.userIds)) {
      const box = this.#boxOf(userId);
      // Who else was told is not everybody's business.
      const own = { ...payload, userIds: [userId] };
      const note = { number, id, payload: own, json: jsonOf(own) };
      // Last, as the one that was told last.
      this.#boxes.delete(userId);
      this.#boxes.set(userId, box);
      box.notes.push(note);
      if (box.notes.length > this.#limits.bufferSize) box.notes.shift();
      told += box.readers.size;
      for (const reader of [...box.readers]) reader.take(note);
    }
    this.#forgetSome();
    return told;
  }

  /**
   * Gives `reader` what came after `lastEventId`, or, without one and with one of another process, everything that is
   * kept and has not expired; then what comes. Answers what ends it. Throws `LINE_FULL` when too many read.
   */
  read(userId: string, lastEventId: string | undefined, reader: Reader): () => void {
    if (this.#readers >= this.#limits.maxReaders) {
      throw new TokenBudgetError('LINE_FULL', `${this.#limits.maxReaders} streams are read already`);
    }
    const box = this.#boxOf(userId);
    box.readers.add(reader);
    this.#readers += 1;
    const after = this.#numberOf(lastEventId);
    const nowMs = Date.now();
    for (const note of [...box.notes]) {
      const { expiresAt } = note.payload;
      if (note.number > after && (expiresAt === undefined || expiresAt.getTime() > nowMs)) reader.take(note);
    }
    return () => {
      if (!box.readers.delete(reader)) return;
      this.#readers -= 1;
      if (box.readers.size === 0 && box.notes.length === 0) this.#boxes.delete(userId);
    };
  }

  /** Ends whoever reads. */
  close(): void {
    const readers = [...this.#boxes.values()].flatMap(box => [...box.readers]);
    for (const reader of readers) reader.end();
    this.#boxes.clear();
  }

  #boxOf(userId: string): Box {
    const known = this.#boxes.get(userId);
    if (known !== undefined) return known;
    const box: Box = { notes: [], readers: new Set() };
    this.#boxes.set(userId, box);
    return box;
  }

  #numberOf(lastEventId: string | undefined): number {
    const [, origin, number] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(lastEventId ?? '') ?? [];
    return origin === this.#origin ? Number(number) : 0;
  }

  #forgetSome(): void {
    if (this.#boxes.size <= USERS_MAX) return;
    for (const [userId, { readers }] of this.#boxes) {
      if (readers.size === 0) this.#boxes.delete(userId);
      if (this.#boxes.size <= USERS_MAX) return;
    }
  }
}

function jsonOf({ expiresAt, data, ...rest }: InAppPayload): string {
  return toJson({
    ...rest,
    expiresAt: expiresAt?.toISOString(),
    data: data as Record<string, string> | undefined,
  });
}
