/** Writes what became of alerts to their store, one write after the other. */
import { toJson } from '../json';
import { alertOf, plainOf } from './alert';
import type { AlertStore } from './store';
import type { Alert } from './types';

/** An alert with what nobody but us has to know. */
export interface KeptAlert {
  alert: Alert;
  /** When it goes to the next level, unless somebody acknowledges it. */
  escalateAtMs: number | undefined;
}

/** Changes that a store which fails may leave; of more, the latest are not written. */
const UNWRITTEN_MAX = 100_000;

export class Keeping {
  readonly #store: AlertStore;
  readonly #failed: (error: unknown) => void;
  /** What is to be written: at most one entry for each alert. */
  readonly #changed = new Map<string, KeptAlert | 'removed'>();
  #writing: Promise<void> | undefined;

  constructor(store: AlertStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Oldest first; `unread`: how many could not be read. */
  async load(): Promise<{ kept: KeptAlert[]; unread: number }> {
    const kept: KeptAlert[] = [];
    let unread = 0;
    for (const { json } of await this.#store.load()) {
      const read = keptOf(json);
      if (read === undefined) unread += 1;
      else kept.push(read);
    }
    kept.sort((one, other) => one.alert.createdAt.getTime() - other.alert.createdAt.getTime());
    return { kept, unread };
  }

  save(one: KeptAlert): void {
    this.#changed.set(one.alert.id, one);
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#changed.set(id, 'removed');
  }

  /** Resolves when what has changed until now was written, or could not be. Never rejects. */
  async written(): Promise<void> {
    // What is under way was put together before.
    await this.#writing;
    if (this.#changed.size === 0) return;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #write(): Promise<void> {
    const changed = [...this.#changed];
    this.#changed.clear();
    try {
      const removed = changed.filter(([, what]) => what === 'removed').map(([id]) => id);
      const saved = changed.flatMap(([id, what]) => (what === 'removed' ? [] : [{ id, json: jsonOf(what) }]));
      if (saved.length > 0) await this.#store.save(saved);
      if (removed.length > 0) await this.#store.remove(removed);
    } catch (error) {
      // Until the next change, which takes them along; what changed meanwhile is newer.
      for (const [id, what] of changed) {
        if (!this.#changed.has(id) && this.#changed.size < UNWRITTEN_MAX) this.#changed.set(id, what);
      }
      this.#failed(error);
    }
  }
}

function jsonOf({ alert, escalateAtMs }: KeptAlert): string {
  return toJson({ ...plainOf(alert), escalateAtMs });
}

function keptOf(json: string): KeptAlert | undefined {
  try {
    const value = JSON.parse(json) as { escalateAtMs?: unknown };
    const alert = alertOf(value);
    if (alert === undefined) return undefined;
    return { alert, escalateAtMs: typeof value.escalateAtMs === 'number' ? value.escalateAtMs : undefined };
  } catch {
    return undefined;
  }
}
