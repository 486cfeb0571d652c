import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkedSignal } from '../abort';
import { asConfig } from '../config/store';
import { closedError, TokenBudgetError } from '../errors';
import { shortened } from '../text';
import * as check from '../validate';
import { Alarms, PAUSE_MS } from './alarms';
import { copyOf } from './alert';
import { readAlertId, readAlertUsage, readHistoryQuery, readNote, readRange } from './arguments';
import { type AlertingTracker, Attachment, type AttachOptions, type Checked, readAttach } from './attach';
import { AlertBook } from './book';
import { readUserId } from './channel-config';
import { requireNodemailer } from './channels/mail';
import { type Configured, readAlertConfig } from './config';
import { Deliveries } from './delivery';
import { readLine } from './fields';
import { AlertChannel } from './levels';
import { type AlertSettings, type AlertSystemOptions, readSystemOptions } from './options';
import { Pauses } from './pauses';
import { RateLimits } from './rate-limits';
import { checkHost } from './smtp-config';
import { Feed, type InAppEvent } from './stream/feed';
import { InAppStream } from './stream/iterate';
import { serveEvents } from './stream/sse';
import { Callbacks } from './telling';
import type { Alert, AlertConfig, AlertHistoryFilter, AlertStats, AlertUsage } from './types';
import { within } from './within';

const CLOSE_MS = 5000;

/**
 * Tells people, and pauses orchestrators, when budgets are used up: by webhooks, Slack, e-mail, SMS and streams.
 *
 * @example
 * ```ts
 * const alerts = new BudgetAlertSystem();
 * await alerts.configureAlerts({
 *   orchestratorId: 'orchestrator-1',
 *   thresholds: [{ percentage: 90, level: AlertLevel.CRITICAL, autoPause: true }],
 *   channels: [{ type: AlertChannel.SLACK, enabled: true, config: { webhookUrl: process.env.SLACK_URL! } }],
 *   rateLimit: { maxAlertsPerThreshold: 1, windowMs: 3_600_000 },
 *   enabled: true,
 * });
 * const detach = alerts.attach(tracker);
 * ```
 */
export class BudgetAlertSystem {
  readonly #settings: AlertSettings;
  readonly #callbacks: Callbacks;
  readonly #feed: Feed;
  readonly #deliveries: Deliveries;
  readonly #book: AlertBook;
  readonly #limits = new RateLimits();
  readonly #pauses: Pauses;
  readonly #alarms: Alarms;
  readonly #configs = new Map<string, Configured>();
  readonly #defaults: Configured | undefined;
  readonly #attachments = new Set<Attachment>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #loaded: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG`, naming the field. */
  constructor(options: AlertSystemOptions = {}) {
    this.#settings = readSystemOptions(options);
    const { callbacks, feed, historyLimit, store, defaults } = this.#settings;
    this.#callbacks = new Callbacks(callbacks);
    this.#pauses = new Pauses(this.#callbacks);
    this.#feed = new Feed(feed);
    this.#deliveries = new Deliveries(this.#settings, this.#feed);
    this.#book = new AlertBook({
      ...{ historyLimit, store },
      due: id => void this.#track(this.#escalate(id)),
      failed: error => void this.#callbacks.failed(error, { of: 'store' }),
    });
    this.#alarms = new Alarms({
      ...{ callbacks: this.#callbacks, deliveries: this.#deliveries, book: this.#book, limits: this.#limits },
      ...{ pauses: this.#pauses, escalateAfterMs: this.#settings.escalateAfterMs },
      underWay: work => void this.#track(work),
    });
    if (defaults !== undefined) this.#defaults = asConfig(() => this.#read(defaults, 'defaults', '*'));
    if (store === undefined) return;
    this.#loaded = this.#book.load().then(alerts => this.#limits.restore(alerts));
    // Who wants to know asks `ready`.
    this.#loaded.catch(() => {});
  }

  /** Resolves when the history of before has been read. Rejects when it cannot be: then this one is not kept. */
  async ready(): Promise<void> {
    await this.#loaded;
  }

  /**
   * Replaces the configuration of an orchestrator by a copy of `config`. Rejects with `INVALID_CONFIG`, naming the
   * field.
   */
  async configureAlerts(config: AlertConfig): Promise<void> {
    this.#assertOpen();
    const configured = asConfig(() => this.#read(config, ''));
    const { orchestratorId, rateLimit } = configured;
    this.#configs.set(orchestratorId, configured);
    this.#limits.dropEnded(orchestratorId, rateLimit, Date.now());
  }

  /** Forgets the configuration of an orchestrator; `defaults` hold again. Whether there was one. */
  async removeAlerts(orchestratorId: string): Promise<boolean> {
    this.#assertOpen();
    const id = check.orchestrator(orchestratorId, 'orchestratorId');
    if (!this.#configs.delete(id)) return false;
    this.#limits.forget(id);
    return true;
  }

  /**
   * Makes an alert of each threshold that is reached and has not alerted enough, pauses where one wants it, and takes
   * them every way that is configured. Resolves with them when all attempts have ended.
   */
  async checkAndAlert(orchestratorId: string, usage: AlertUsage): Promise<Alert[]> {
    return this.#track(this.#check(orchestratorId, usage, undefined));
  }

  /** Says that somebody takes care. Rejects with `ALERT_NOT_FOUND` and `ALERT_ACKNOWLEDGED`. */
  async acknowledgeAlert(alertId: string, userId: string, options?: { note?: string }): Promise<void> {
    await this.#begin();
    const id = readAlertId(alertId);
    const by = readUserId(userId, 'userId');
    const note = readNote(options);
    const alert = this.#book.history.get(id);
    if (alert === undefined) {
      throw new TokenBudgetError('ALERT_NOT_FOUND', `Alert not found: ${shortened(id)}`, {
        field: 'alertId',
      });
    }
    if (alert.acknowledged) {
      const message = `Alert already acknowledged: ${shortened(id)}`;
      throw new TokenBudgetError('ALERT_ACKNOWLEDGED', message, { field: 'alertId' });
    }
    alert.acknowledged = true;
    alert.acknowledgedBy = by;
    alert.acknowledgedAt = new Date();
    if (note !== undefined) alert.acknowledgmentNote = note;
    this.#book.doNotEscalate(id);
    this.#book.save(alert);
    await this.#track(this.#book.written());
  }

  /** Newest first; at most `limit`, 100 by default. */
  async getAlertHistory(orchestratorId: string, limit = 100): Promise<Alert[]> {
    await this.#begin();
    const query = readHistoryQuery({ orchestratorId: check.orchestrator(orchestratorId, 'orchestratorId') });
    return this.#book.history.query({ ...query, limit: check.count(limit, 'limit') }).map(copyOf);
  }

  async getFilteredAlertHistory(filter: AlertHistoryFilter): Promise<Alert[]> {
    await this.#begin();
    return this.#book.history.query(readHistoryQuery(filter)).map(copyOf);
  }

  /** Whether thresholds with `autoPause` pause an orchestrator. They do until this says otherwise. */
  async setAutoPause(orchestratorId: string, enabled: boolean): Promise<void> {
    this.#assertOpen();
    const id = check.orchestrator(orchestratorId, 'orchestratorId');
    this.#pauses.setEnabled(id, check.boolean(enabled, 'enabled'));
  }

  /** Lets an orchestrator go on: calls `onResume`, and the trackers that are attached. Rejects as they do. */
  async resume(orchestratorId: string): Promise<void> {
    this.#assertOpen();
    await this.#track(this.#pauses.resume(check.orchestrator(orchestratorId, 'orchestratorId')));
  }

  async getAlertStats(orchestratorId: string, timeRange?: { start: Date; end: Date }): Promise<AlertStats> {
    await this.#begin();
    const id = check.orchestrator(orchestratorId, 'orchestratorId');
    return this.#book.history.stats(
      id,
      timeRange === undefined ? undefined : readRange(timeRange, 'timeRange'),
    );
  }

  /** Forgets what is older; answers how many alerts that were. */
  async clearOldAlerts(orchestratorId: string, olderThan: Date): Promise<number> {
    await this.#begin();
    const id = check.orchestrator(orchestratorId, 'orchestratorId');
    const before = new Date(check.instant(olderThan, 'olderThan'));
    const cleared = this.#book.clear(id, before);
    await this.#track(this.#book.written());
    return cleared;
  }

  /**
   * Alerts about what a tracker tells, from now on: its thresholds, of orchestrators that have a configuration. What
   * pauses, pauses by the tracker as well, where it has `pauseOrchestrator`. Answers what ends it.
   *
   * @example
   * ```ts
   * const detach = alerts.attach(tracker, { pauseUntil: 'window-end' });
   * ```
   */
  attach(tracker: AlertingTracker, options: AttachOptions = {}): () => void {
    this.#assertOpen();
    const attachment = new Attachment(tracker, readAttach(tracker, options), {
      isConfigured: id => this.#configOf(id) !== undefined,
      check: (id, usage, context) => this.#check(id, usage, context),
      underWay: work => void this.#track(work),
      failed: (error, orchestratorId) => {
        // Closing ends what is under way; nobody has to be told.
        if (this.#closing === undefined) this.#callbacks.failed(error, { of: 'check', orchestratorId });
      },
    });
    this.#attachments.add(attachment);
    this.#pauses.add(tracker);
    return () => this.#detach(attachment);
  }

  /**
   * The in-app notifications of a user: those that are kept after `lastEventId`, or all of them, then those that come.
   * Ends with `close`; fails with the reason of `signal`, and with `LINE_FULL` when 1,000 are unread. Throws
   * `LINE_FULL` when too many streams are read.
   *
   * @example
   * ```ts
   * for await (const { payload } of alerts.stream('user-7')) notify(payload.title, payload.message);
   * ```
   */
  stream(
    userId: string,
    options: { lastEventId?: string; signal?: AbortSignal } = {},
  ): AsyncIterableIterator<InAppEvent> {
    this.#assertOpen();
    const id = readUserId(userId, 'userId');
    const source = check.object(options, 'options');
    const given = check.own(source, 'signal', 'options');
    const signal = given === undefined ? undefined : checkedSignal(given);
    signal?.throwIfAborted();
    return new InAppStream(this.#feed, id, lastEventIdOf(source), signal);
  }

  /**
   * Answers a request of any HTTP server with the notifications of a user as server-sent events (`event: alert`), for
   * as long as it stays. Who the user is, is for the caller to know. Resumes after `Last-Event-ID`. Answers 405, and
   * 503 when too many read or this was closed. Throws `INVALID_ARGUMENT`.
   *
   * @example
   * ```ts
   * createServer((request, response) => alerts.handleSse(request, response, { userId: userOf(request) }));
   * ```
   */
  handleSse(
    request: IncomingMessage,
    response: ServerResponse,
    options: { userId: string; lastEventId?: string },
  ): void {
    const source = check.object(options, 'options');
    const userId = readUserId(check.own(source, 'userId', 'options'), 'options.userId');
    const lastEventId = lastEventIdOf(source);
    if (this.#closing !== undefined) {
      response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' }).end('Closed\n');
      return;
    }
    serveEvents(this.#feed, request, response, {
      ...{ userId, lastEventId, heartbeatMs: this.#settings.heartbeatMs },
    });
  }

  /**
   * Lets deliveries under way end, for at most `timeout` ms (5,000), then ends them, streams and connections, and
   * listens to nothing any more. A second call returns the same promise.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    if (this.#closing === undefined) {
      let timeoutMs: number;
      try {
        const given = check.own(check.object(options, 'options'), 'timeout', 'options');
        timeoutMs = given === undefined ? CLOSE_MS : check.integer(given, 'options.timeout', 0, 2 ** 31 - 1);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#closing = this.#end(timeoutMs);
    }
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(timeoutMs: number): Promise<void> {
    this.#book.stop();
    for (const attachment of this.#attachments) this.#detach(attachment);
    const rest = Promise.allSettled([...this.#underWay]);
    await within(timeoutMs, rest);
    this.#deliveries.close();
    this.#feed.close();
    // What a caller's function keeps waiting for ever is not waited for.
    await within(PAUSE_MS, rest);
    await this.#book.written();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError('alert system');
  }

  async #begin(): Promise<void> {
    this.#assertOpen();
    // Told by `ready` and `onError`; alerts matter more than their history.
    await this.#loaded?.catch(() => {});
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = () => this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  #read(value: unknown, at: string, orchestratorId?: string): Configured {
    const checkUrl = (url: URL, path: string) => this.#deliveries.requests.checkUrl(url, path);
    const configured = readAlertConfig(value, at, checkUrl, orchestratorId);
    for (const [index, { way }] of configured.channels.entries()) {
      if (way?.type !== AlertChannel.EMAIL) continue;
      const channel = `${check.join(at, 'channels')}[${index}]`;
      requireNodemailer(`${channel}.type`);
      const { smtp } = way.to;
      if (smtp !== undefined) checkHost(smtp, `${channel}.config.smtp`, this.#settings.webhooks.rules);
    }
    return configured;
  }

  #configOf(orchestratorId: string): Configured | undefined {
    return this.#configs.get(orchestratorId) ?? this.#defaults;
  }

  async #check(orchestratorId: string, given: AlertUsage, context: Checked | undefined): Promise<Alert[]> {
    await this.#begin();
    const id = check.orchestrator(orchestratorId, 'orchestratorId');
    const usage = readAlertUsage(given);
    const config = this.#configOf(id);
    if (config === undefined || !config.enabled) return [];
    return await this.#alarms.raise(id, usage, config, context);
  }

  async #escalate(alertId: string): Promise<void> {
    if (this.#closing === undefined) await this.#alarms.escalate(alertId, id => this.#configOf(id));
  }

  #detach(attachment: Attachment): void {
    if (!this.#attachments.delete(attachment)) return;
    attachment.stop();
    const { tracker } = attachment;
    if (![...this.#attachments].some(other => other.tracker === tracker)) this.#pauses.remove(tracker);
  }
}

function lastEventIdOf(options: object): string | undefined {
  const given = check.own(options, 'lastEventId', 'options');
  return given === undefined ? undefined : readLine(given, 'options.lastEventId');
}
