import { fitsInBytes } from '../text';
import { orchestratorsOf } from '../tracker';
import { ORCHESTRATOR_ID_MAX_BYTES } from '../validate';
import type { DashboardSettings } from './options';
import { readSnapshot, type Snapshot } from './snapshot';

/** How long a list of names that somebody looked up is good for. */
const NAMES_LAST_MS = 2000;

/** Snapshots of one tracker; who asks while one is being taken gets the next one, all of them the same. */
export class SnapshotSource {
  readonly #settings: DashboardSettings;
  #names: readonly string[] = [];
  #namesAtMs = Number.NEGATIVE_INFINITY;
  #taking: Promise<Snapshot> | null = null;
  #next: Promise<Snapshot> | null = null;

  constructor(settings: DashboardSettings) {
    this.#settings = settings;
  }

  /** Begun after the call, so that it shows what happened before it. Never rejects. */
  take(): Promise<Snapshot> {
    if (this.#taking === null) {
      this.#taking = this.#read().finally(() => {
        this.#taking = null;
      });
      return this.#taking;
    }
    this.#next ??= this.#taking.then(() => {
      this.#next = null;
      return this.take();
    });
    return this.#next;
  }

  async names(): Promise<readonly string[]> {
    const { orchestrators, tracker } = this.#settings;
    if (orchestrators === null) return orchestratorsOf(tracker).sort();
    const nowMs = performance.now();
    if (nowMs - this.#namesAtMs >= NAMES_LAST_MS) {
      const names = await orchestrators();
      this.#names = [...new Set(names)].filter(isName).sort();
      this.#namesAtMs = nowMs;
    }
    return this.#names;
  }

  async #read(): Promise<Snapshot> {
    const { tracker } = this.#settings;
    try {
      return await readSnapshot(tracker, await this.names());
    } catch (error) {
      // Of the caller's own list of names.
      const failure = error instanceof Error ? error.message : String(error);
      return { ...(await readSnapshot(tracker, [])), storeUp: false, failure };
    }
  }
}

function isName(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && fitsInBytes(id, ORCHESTRATOR_ID_MAX_BYTES);
}
