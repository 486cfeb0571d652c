import type { Anomaly } from '../../types/reports';
import { SEVERITIES } from './severity';

const KNOWN_MAX = 10_000;

interface Turn {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/**
 * Looks for anomalies of whoever has new usage: one look at a time for each, however many records come, and each
 * anomaly is told once, or again when it got more severe.
 */
export class AnomalyWatch {
  readonly #look: (orchestratorId: string) => Promise<Anomaly[]>;
  readonly #tell: (anomaly: Anomaly) => void;
  readonly #turns = new Map<string, Turn>();
  /** Severities by id, the oldest first. */
  readonly #told = new Map<string, number>();

  constructor(look: (orchestratorId: string) => Promise<Anomaly[]>, tell: (anomaly: Anomaly) => void) {
    this.#look = look;
    this.#tell = tell;
  }

  /** Resolves after a look that began after the call. Never rejects, as long as `look` does not. */
  see(orchestratorId: string): Promise<void> {
    const turn = this.#turns.get(orchestratorId);
    if (turn !== undefined) {
      turn.next ??= turn.running.then(() => this.#begin(orchestratorId));
      return turn.next;
    }
    return this.#begin(orchestratorId);
  }

  report(anomaly: Anomaly): void {
    const severity = SEVERITIES.indexOf(anomaly.severity);
    if (severity <= (this.#told.get(anomaly.id) ?? -1)) return;
    this.#told.delete(anomaly.id);
    this.#told.set(anomaly.id, severity);
    if (this.#told.size > KNOWN_MAX) {
      for (const oldest of this.#told.keys()) {
        this.#told.delete(oldest);
        break;
      }
    }
    this.#tell(anomaly);
  }

  async idle(): Promise<void> {
    await Promise.allSettled([...this.#turns.values()].map(({ running, next }) => next ?? running));
  }

  #begin(orchestratorId: string): Promise<void> {
    const turn: Turn = { running: this.#once(orchestratorId), next: undefined };
    this.#turns.set(orchestratorId, turn);
    turn.running.then(() => {
      if (turn.next === undefined) this.#turns.delete(orchestratorId);
    });
    return turn.running;
  }

  async #once(orchestratorId: string): Promise<void> {
    for (const anomaly of await this.#look(orchestratorId)) this.report(anomaly);
  }
}
