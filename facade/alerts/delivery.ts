/** Takes alerts every way at once, each way for itself, within one time limit. */
import { stopWaiting, whenAborted } from '../abort';
import { closedError } from '../errors';
import type { WebhookOptions } from '../timers/webhooks';
import { GuardedRequests } from '../timers/webhooks/guarded';
import { retryInMs } from '../timers/webhooks/schedule';
import type { Retries, Way } from './channel-config';
import type { Courier, Letter, SendFailure } from './channels/courier';
import { inAppCourier } from './channels/in-app';
import { Mailers } from './channels/mail';
import { slackCourier } from './channels/slack';
import { smsCourier } from './channels/sms';
import { webhookCourier } from './channels/webhook';
import { Gate } from './gate';
import { AlertChannel } from './levels';
import type { AlertSettings } from './options';
import type { Feed } from './stream/feed';
import type { AlertDeliveryResult } from './types';

type Outcome = AlertDeliveryResult['results'][number];

/** Alerts on their way at once, and those that wait for it; more are not delivered, and their result says so. */
const AT_ONCE = 32;
const WAITING_MAX = 1000;
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Deliveries {
  readonly requests: GuardedRequests;
  readonly #settings: AlertSettings;
  readonly #feed: Feed;
  readonly #mailers: Mailers;
  readonly #gate = new Gate(AT_ONCE, WAITING_MAX);
  readonly #ending = new AbortController();

  constructor(settings: AlertSettings, feed: Feed) {
    this.#settings = settings;
    this.#feed = feed;
    this.requests = new GuardedRequests(settings.webhooks, () => Date.now());
    this.#mailers = new Mailers(settings.webhooks);
  }

  /** Never rejects. */
  async deliver(letter: Letter, ways: readonly Way[]): Promise<AlertDeliveryResult> {
    const ending = new AbortController();
    const { deliveryTimeoutMs } = this.#settings;
    const timer = setTimeout(() => {
      ending.abort(new Error(`not delivered within ${deliveryTimeoutMs} ms`));
    }, deliveryTimeoutMs);
    if (typeof timer === 'object') timer.unref();
    const close = () => ending.abort(new Error('the alert system was closed'));
    if (this.#ending.signal.aborted) close();
    else whenAborted(this.#ending.signal, close);
    try {
      const leave = await this.#gate.enter(ending.signal);
      try {
        const outcomes = ways.map(way =>
          leave === undefined
            ? unsent(way, 'too many alerts wait to be delivered')
            : this.#take(way, letter, ending.signal),
        );
        return resultOf(letter.alert.id, await Promise.all(outcomes));
      } finally {
        leave?.();
      }
    } catch {
      const outcomes = ways.map(way => unsent(way, reasonOf(ending.signal)));
      return resultOf(letter.alert.id, outcomes);
    } finally {
      clearTimeout(timer);
      stopWaiting(this.#ending.signal, close);
    }
  }

  close(): void {
    this.#ending.abort(closedError('alert system'));
    this.requests.close();
    this.#mailers.close();
  }

  async #take(way: Way, letter: Letter, signal: AbortSignal): Promise<Outcome> {
    const { type: channel } = way;
    let attempts = 0;
    let last: SendFailure | undefined;
    try {
      const courier = this.#courier(way, letter);
      for (;;) {
        attempts += 1;
        const attempt = await courier.attempt(signal);
        if (attempt.ok) {
          const { status, metadata } = attempt;
          const told = { attempts, ...(status !== undefined && { status }), ...metadata };
          return { channel, success: true, deliveredAt: new Date(), metadata: told };
        }
        last = attempt;
        const waitMs = retryInMs(attempts, attempt, repeating(courier.retries, this.#settings.repeating));
        if (waitMs === undefined) return failed(channel, attempts, attempt);
        await sleep(waitMs, signal);
      }
    } catch {
      const reason = signal.aborted ? reasonOf(signal) : 'it could not be sent';
      // Why it failed before says more than that the time is over.
      const error = last === undefined ? reason : `${reason}; before: ${last.error}`;
      return failed(channel, attempts, { ...last, error });
    }
  }

  #courier(way: Way, letter: Letter): Courier {
    switch (way.type) {
      case AlertChannel.WEBHOOK:
        return webhookCourier(way.to, letter, this.requests, this.#settings.webhooks.keysFor);
      case AlertChannel.SLACK:
        return slackCourier(way.to, letter, this.requests);
      case AlertChannel.EMAIL:
        return this.#mailers.courier(way.to, this.#settings.smtp, letter);
      case AlertChannel.SMS:
        return smsCourier(way.to, letter, this.requests);
      case AlertChannel.IN_APP:
        return inAppCourier(way.to, letter, this.#feed);
    }
  }
}

/** `backoffMs`, and twice as long each further time. */
function repeating(own: Retries | undefined, system: WebhookOptions): WebhookOptions {
  if (own === undefined) return system;
  const base = Math.max(1, own.backoffMs);
  return { ...system, maxAttempts: own.maxAttempts, base, factor: 2, cap: Math.max(base, 86_400_000) };
}

function failed(
  channel: AlertChannel,
  attempts: number,
  { error, status }: { error: string; status?: number },
): Outcome {
  const metadata = { attempts, ...(status !== undefined && { status }) };
  return { channel, success: false, error, metadata };
}

function unsent({ type }: Way, error: string): Outcome {
  return failed(type, 0, { error });
}

function resultOf(alertId: string, results: Outcome[]): AlertDeliveryResult {
  const succeeded = results.filter(({ success }) => success).length;
  const failed = results.length - succeeded;
  return {
    alertId,
    results,
    status: succeeded === 0 ? 'failed' : failed === 0 ? 'success' : 'partial',
    attempted: results.length,
    succeeded,
    failed,
  };
}

function reasonOf(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : 'it could not be sent';
}

/** Holds nothing. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const wake = () => {
      stopWaiting(signal, end);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(ms, TIMER_MAX_MS));
    if (typeof timer === 'object') timer.unref();
    if (signal.aborted) end();
    else whenAborted(signal, end);
  });
}
