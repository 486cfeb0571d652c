/** Alerts from the moment at which a threshold is reached: made, pausing, delivered, escalated. */
import { randomBytes } from 'node:crypto';
import { copyOf } from './alert';
import type { Checked } from './attach';
import type { AlertBook } from './book';
import type { Way } from './channel-config';
import type { Configured } from './config';
import type { Deliveries } from './delivery';
import { type AlertLevel, levelAbove, priorityOf } from './levels';
import type { Pauses } from './pauses';
import { limitKey, type RateLimits } from './rate-limits';
import type { Callbacks } from './telling';
import type { Alert, AlertUsage, BudgetThreshold } from './types';
import { within } from './within';
import { messageOf, titleOf } from './wording';

/** Alerts go out although a pause takes longer. */
export const PAUSE_MS = 5000;

interface Parts {
  callbacks: Callbacks;
  deliveries: Deliveries;
  book: AlertBook;
  limits: RateLimits;
  pauses: Pauses;
  /** Of configurations that name none. */
  escalateAfterMs: number | undefined;
  /** Closing waits for it. */
  underWay(work: Promise<unknown>): void;
}

export class Alarms {
  readonly #parts: Parts;
  /** Ends the ids of this object: others count from 1 as well. */
  readonly #origin = randomBytes(6).toString('hex');
  #count = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes an alert of each threshold that is reached and has not alerted enough, pauses, and delivers. */
  async raise(
    orchestratorId: string,
    usage: AlertUsage,
    config: Configured,
    context: Checked | undefined,
  ): Promise<Alert[]> {
    const { book, limits, underWay } = this.#parts;
    const reached = config.thresholds.filter(({ percentage }) => usage.percentageUsed >= percentage);
    // A pause that failed is owed for as long as what it was for.
    if (reached.some(({ autoPause }) => autoPause)) await this.#catchUp(orchestratorId);
    const nowMs = Date.now();
    const alerts = reached
      .filter(({ percentage }) =>
        limits.admits(orchestratorId, limitKey(percentage, context?.metadata), config.rateLimit, nowMs),
      )
      .map(threshold => this.#make(orchestratorId, threshold, usage, context?.metadata, config));
    if (alerts.length === 0) return [];
    // Deliveries may take long, and this process may not live so long.
    underWay(book.written());
    await this.#pause(alerts, context?.pauseUntil);
    await Promise.all(alerts.map(alert => this.#deliver(alert, config)));
    await book.written();
    return alerts.map(copyOf);
  }

  #make(
    orchestratorId: string,
    threshold: BudgetThreshold,
    usage: AlertUsage,
    metadata: Record<string, unknown> | undefined,
    { escalateAfterMs = this.#parts.escalateAfterMs }: Configured,
  ): Alert {
    this.#count += 1;
    const createdAt = new Date();
    const alert: Alert = {
      id: `alert-${orchestratorId}-${this.#count}-${createdAt.getTime()}-${this.#origin}`,
      orchestratorId,
      level: threshold.level,
      title: titleOf(threshold.level, usage),
      message: messageOf(threshold, usage),
      threshold: { ...threshold },
      currentUsage: { ...usage },
      channels: [],
      createdAt,
      acknowledged: false,
    };
    if (metadata !== undefined) alert.metadata = { ...metadata };
    this.#parts.book.add(alert);
    if (escalateAfterMs !== undefined)
      this.#parts.book.escalateAt(alert, createdAt.getTime() + escalateAfterMs);
    this.#parts.book.save(alert);
    return alert;
  }

  /** One pause for all that want it, by the most serious of them. */
  async #pause(alerts: readonly Alert[], until: Date | undefined): Promise<void> {
    const pausing = alerts.filter(
      ({ threshold, orchestratorId }) => threshold.autoPause && this.#parts.pauses.isEnabled(orchestratorId),
    );
    const gravest = pausing.at(-1);
    if (gravest === undefined) return;
    const paused = this.#parts.pauses.pause(copyOf(gravest), until).then(isDone => {
      for (const alert of pausing) {
        alert.autoPauseTriggered = isDone;
        this.#parts.book.save(alert);
      }
    });
    await within(PAUSE_MS, paused);
  }

  async #catchUp(orchestratorId: string): Promise<void> {
    const caughtUp = this.#parts.pauses.catchUp(orchestratorId).then(alertId => {
      const alert = alertId === undefined ? undefined : this.#parts.book.history.get(alertId);
      if (alert === undefined) return;
      alert.autoPauseTriggered = true;
      this.#parts.book.save(alert);
    });
    await within(PAUSE_MS, caughtUp);
  }

  async #deliver(alert: Alert, { channels, name, timezone }: Configured): Promise<void> {
    const ways = channels.flatMap(({ minLevel, way }): Way[] =>
      way === undefined || isBelow(alert.level, minLevel) ? [] : [way],
    );
    const round = alert.escalations?.length ?? 0;
    const id = round === 0 ? alert.id : `${alert.id}-${round}`;
    const letter = { id, alert: copyOf(alert), name, timezone, at: new Date() };
    const result = await this.#parts.deliveries.deliver(letter, ways);
    for (const { channel, success } of result.results) if (success) alert.channels.push(channel);
    this.#parts.book.save(alert);
    const { onDelivery } = this.#parts.callbacks.given;
    const context = { orchestratorId: alert.orchestratorId, alertId: alert.id };
    // Not awaited: it has nothing to do with how the alert fared.
    void this.#parts.callbacks.call('onDelivery', context, () => onDelivery?.(result));
  }

  /** Of an alert that nobody has acknowledged in time. */
  async escalate(
    alertId: string,
    configOf: (orchestratorId: string) => Configured | undefined,
  ): Promise<void> {
    const alert = this.#parts.book.history.get(alertId);
    const to = alert === undefined || alert.acknowledged ? undefined : levelAbove(alert.level);
    if (alert === undefined || to === undefined) return;
    const config = configOf(alert.orchestratorId);
    if (config === undefined || !config.enabled) {
      this.#parts.book.save(alert);
      await this.#parts.book.written();
      return;
    }
    const at = new Date();
    alert.escalations = [...(alert.escalations ?? []), { from: alert.level, to, at }];
    alert.level = to;
    alert.title = titleOf(to, alert.currentUsage);
    const { escalateAfterMs = this.#parts.escalateAfterMs } = config;
    if (escalateAfterMs !== undefined) this.#parts.book.escalateAt(alert, at.getTime() + escalateAfterMs);
    this.#parts.book.save(alert);
    const { onEscalation } = this.#parts.callbacks.given;
    const context = { orchestratorId: alert.orchestratorId, alertId };
    void this.#parts.callbacks.call('onEscalation', context, () => onEscalation?.(copyOf(alert)));
    await this.#deliver(alert, config);
    await this.#parts.book.written();
  }
}

function isBelow(level: AlertLevel, minLevel: AlertLevel | undefined): boolean {
  return minLevel !== undefined && priorityOf(level) < priorityOf(minLevel);
}
