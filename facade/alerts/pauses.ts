/** Pauses orchestrators, and lets them go on: by the caller's functions, and by the trackers that are listened to. */
import type { Callbacks } from './telling';
import type { Alert } from './types';

/** What of a tracker pauses for every process at once. */
export interface PausingTracker {
  pauseOrchestrator?(
    orchestratorId: string,
    options?: { reason?: string; until?: Date; pausedBy?: string },
  ): unknown;
  resumeOrchestrator?(orchestratorId: string): unknown;
}

const PAUSED_BY = 'budget-alerts';
/** Orchestrators whose pause is tried again. */
const OWED_MAX = 10_000;

interface Owed {
  alert: Alert;
  until: Date | undefined;
}

export class Pauses {
  readonly #callbacks: Callbacks;
  readonly #trackers = new Set<PausingTracker>();
  readonly #enabled = new Map<string, boolean>();
  /** Those that should be paused, and could not be. */
  readonly #owed = new Map<string, Owed>();

  constructor(callbacks: Callbacks) {
    this.#callbacks = callbacks;
  }

  setEnabled(orchestratorId: string, enabled: boolean): void {
    // It is the default: there is nothing to remember.
    if (enabled) this.#enabled.delete(orchestratorId);
    else this.#enabled.set(orchestratorId, false);
    if (!enabled) this.#owed.delete(orchestratorId);
  }

  isEnabled(orchestratorId: string): boolean {
    return this.#enabled.get(orchestratorId) ?? true;
  }

  add(tracker: PausingTracker): void {
    this.#trackers.add(tracker);
  }

  remove(tracker: PausingTracker): void {
    this.#trackers.delete(tracker);
  }

  /** Whether everybody did who was asked. */
  async pause(alert: Alert, until: Date | undefined): Promise<boolean> {
    const { orchestratorId, title: reason } = alert;
    this.#owed.delete(orchestratorId);
    const context = { orchestratorId, alertId: alert.id };
    const { onPause } = this.#callbacks.given;
    const options = { reason, pausedBy: PAUSED_BY, ...(until !== undefined && { until }) };
    const done = await Promise.all([
      this.#callbacks.call('onPause', context, () => onPause?.(orchestratorId, alert)),
      ...[...this.#trackers].map(tracker =>
        this.#callbacks.call('pause', context, () => tracker.pauseOrchestrator?.(orchestratorId, options)),
      ),
    ]);
    if (done.every(Boolean)) return true;
    if (this.#owed.size < OWED_MAX && this.isEnabled(orchestratorId)) {
      this.#owed.set(orchestratorId, { alert, until });
    }
    return false;
  }

  /** Tries again what failed; the id of the alert whose pause has been made by now. */
  async catchUp(orchestratorId: string): Promise<string | undefined> {
    const owed = this.#owed.get(orchestratorId);
    if (owed === undefined) return undefined;
    const isOver = owed.until !== undefined && owed.until.getTime() <= Date.now();
    if (isOver) this.#owed.delete(orchestratorId);
    return !isOver && (await this.pause(owed.alert, owed.until)) ? owed.alert.id : undefined;
  }

  /** Rejects with what the first of them failed with, after all were asked. */
  async resume(orchestratorId: string): Promise<void> {
    this.#owed.delete(orchestratorId);
    const { onResume } = this.#callbacks.given;
    const asked = await Promise.allSettled([
      Promise.resolve().then(() => onResume?.(orchestratorId)),
      ...[...this.#trackers].map(async tracker => tracker.resumeOrchestrator?.(orchestratorId)),
    ]);
    for (const outcome of asked) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
