/** Alerts as they become: the history, when each escalates, and what is kept of them across restarts. */
import { TokenBudgetError } from '../errors';
import { Escalations } from './escalations';
import { AlertHistory } from './history';
import { Keeping, type KeptAlert } from './keeping';
import { levelAbove } from './levels';
import type { AlertStore } from './store';
import type { Alert } from './types';

export interface BookSettings {
  historyLimit: number;
  store: AlertStore | undefined;
  /** Nobody acknowledged an alert in time. Must not throw. */
  due(alertId: string): void;
  /** The store failed. */
  failed(error: unknown): void;
}

export class AlertBook {
  readonly history: AlertHistory;
  readonly #failed: (error: unknown) => void;
  readonly #store: AlertStore | undefined;
  readonly #escalations: Escalations;
  readonly #escalateAtMs = new Map<string, number>();
  /** `undefined` without a store, and with one that could not be read: it is not overwritten. */
  #keeping: Keeping | undefined;
  #isStopped = false;

  constructor({ historyLimit, store, due, failed }: BookSettings) {
    this.history = new AlertHistory(historyLimit);
    this.#store = store;
    this.#failed = failed;
    this.#escalations = new Escalations(id => {
      this.#escalateAtMs.delete(id);
      due(id);
    });
  }

  /** Answers the alerts of before, oldest first. Rejects with `STORE_UNAVAILABLE`; then nothing is kept. */
  async load(): Promise<Alert[]> {
    if (this.#store === undefined) return [];
    const keeping = new Keeping(this.#store, this.#failed);
    let loaded: { kept: KeptAlert[]; unread: number };
    try {
      loaded = await keeping.load();
    } catch (cause) {
      const message = `store: the history could not be read, and is not kept (${wordsOf(cause)})`;
      const error = new TokenBudgetError('STORE_UNAVAILABLE', message, { field: 'store', cause });
      this.#failed(error);
      throw error;
    }
    this.#keeping = keeping;
    if (loaded.unread > 0) {
      const message = `store: ${loaded.unread} alerts could not be read, and are left out`;
      this.#failed(new TokenBudgetError('STORE_UNAVAILABLE', message));
    }
    for (const { alert, escalateAtMs } of loaded.kept) {
      this.add(alert);
      if (escalateAtMs !== undefined) this.escalateAt(alert, escalateAtMs);
    }
    return loaded.kept.map(({ alert }) => alert);
  }

  /** Of more than the history holds, the oldest are forgotten. */
  add(alert: Alert): void {
    this.#forget(this.history.add(alert));
  }

  /** To be called after each change of an alert. */
  save(alert: Alert): void {
    // It may have been forgotten meanwhile.
    if (this.history.get(alert.id) !== alert) return;
    this.#keeping?.save({ alert, escalateAtMs: this.#escalateAtMs.get(alert.id) });
  }

  /** Forgets what is older; answers how many alerts that were. */
  clear(orchestratorId: string, before: Date): number {
    const cleared = this.history.clear(orchestratorId, before);
    this.#forget(cleared);
    return cleared.length;
  }

  /** Unless there is no level above. */
  escalateAt(alert: Alert, atMs: number): void {
    if (levelAbove(alert.level) === undefined) return;
    // Also of one that was made while closing: the next process is to know.
    this.#escalateAtMs.set(alert.id, atMs);
    if (!this.#isStopped) this.#escalations.at(alert.id, atMs);
  }

  doNotEscalate(alertId: string): void {
    this.#escalateAtMs.delete(alertId);
    this.#escalations.forget([alertId]);
  }

  /** Resolves when what has changed until now was written, or could not be. Never rejects. */
  async written(): Promise<void> {
    await this.#keeping?.written();
  }

  /** Nothing escalates any more here; what was to is kept so. */
  stop(): void {
    this.#isStopped = true;
    this.#escalations.stop();
  }

  #forget(alertIds: readonly string[]): void {
    for (const id of alertIds) this.doNotEscalate(id);
    this.#keeping?.remove(alertIds);
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
