/** How a system of alerts is set up. */
import { resolve } from 'node:path';
import { asConfig } from '../config/store';
import type { WebhookOptions } from '../timers/webhooks';
import { readOptions as readWebhooks, type WebhookSettings } from '../timers/webhooks/options';
import * as check from '../validate';
import { readEscalateAfter } from './config';
import { checkHost, readSmtp, type Smtp } from './smtp-config';
import { AlertFile, type AlertStore } from './store';
import type { FeedLimits } from './stream/feed';
import type { Alert, AlertConfig, AlertDeliveryResult, SmtpConfig } from './types';

/** What `onError` is told beside the error. */
export interface AlertErrorContext {
  /** What failed: a callback of the caller, the pause of an orchestrator, the store, the check after an event. */
  of: 'onDelivery' | 'onPause' | 'onResume' | 'onEscalation' | 'pause' | 'store' | 'check';
  orchestratorId?: string;
  alertId?: string;
}

/** How streams of notifications are bounded. */
export interface InAppOptions {
  /** Notifications kept for each user, of whom 10,000 are remembered. 1 to 10,000. Default 100. */
  bufferSize?: number;
  /** Streams at once. Default 1,000. */
  maxReaders?: number;
  /** Between signs of life of a stream of server-sent events, in milliseconds. Default 15,000. */
  heartbeatMs?: number;
}

/**
 * How a {@link BudgetAlertSystem} is set up. Everything is optional.
 *
 * @example
 * ```ts
 * const alerts = new BudgetAlertSystem({
 *   store: './alerts.jsonl',
 *   webhooks: { secret: process.env.WEBHOOK_SECRET, allow: ['hooks.internal'] },
 *   onPause: async orchestratorId => daemon.pause(orchestratorId),
 * });
 * ```
 */
export interface AlertSystemOptions {
  /** For orchestrators that `configureAlerts` was not called for. Default: those have no alerts. */
  defaults?: Omit<AlertConfig, 'orchestratorId'>;
  /** Alerts kept in memory, 1 to 1,000,000; of more, the oldest are forgotten. Default 10,000. */
  historyLimit?: number;
  /** Keeps the history, and what it rests on, across restarts: the path of a file, or a store. Default: not kept. */
  store?: string | AlertStore;
  /**
   * Where requests may go, and how they are signed and repeated, of webhooks, Slack and SMS; which servers of mail may
   * be connected to, and how often e-mails are repeated. A mail relay on a private network has to be in `allow`, or
   * `allowPrivateAddresses` be `true`. Defaults are those of webhooks of timers, but `maxAttempts` 3, `base` '1s', `factor` 2 and `cap` '10s'.
   */
  webhooks?: WebhookOptions;
  /** For e-mail channels without one of their own. */
  smtp?: SmtpConfig;
  inApp?: InAppOptions;
  /** In which all deliveries of an alert end, in milliseconds, whatever is left to try. Default 30,000. */
  deliveryTimeoutMs?: number;
  /** For configurations without one of their own. */
  escalateAfterMs?: number;
  /** Pauses an orchestrator. Awaited; while it fails, each check tries again. */
  onPause?(orchestratorId: string, alert: Alert): unknown;
  /** Called by `resume`, and awaited. */
  onResume?(orchestratorId: string): unknown;
  /** How an alert fared, when all its deliveries have ended. */
  onDelivery?(result: AlertDeliveryResult): unknown;
  /** An alert went to the next level, before it is delivered there. */
  onEscalation?(alert: Alert): unknown;
  /** What fails beside the way. Default: nobody is told. */
  onError?(error: unknown, context: AlertErrorContext): unknown;
}

export interface AlertSettings {
  /** Checked by the system, which knows the addresses that are allowed. */
  defaults: unknown;
  historyLimit: number;
  store: AlertStore | undefined;
  webhooks: WebhookSettings;
  /** As given, with our defaults, for the schedule. */
  repeating: WebhookOptions;
  smtp: Smtp | undefined;
  feed: FeedLimits;
  heartbeatMs: number;
  deliveryTimeoutMs: number;
  escalateAfterMs: number | undefined;
  callbacks: Pick<AlertSystemOptions, (typeof CALLBACKS)[number]>;
}

const CALLBACKS = ['onPause', 'onResume', 'onDelivery', 'onEscalation', 'onError'] as const;
const NAMES: ReadonlySet<string> = new Set<keyof AlertSystemOptions>([
  ...(['defaults', 'historyLimit', 'store', 'webhooks', 'smtp', 'inApp', 'deliveryTimeoutMs'] as const),
  ...(['escalateAfterMs', ...CALLBACKS] as const),
]);
const IN_APP_NAMES: ReadonlySet<string> = new Set<keyof InAppOptions>([
  ...(['bufferSize', 'maxReaders', 'heartbeatMs'] as const),
]);
const REPEATING: WebhookOptions = { maxAttempts: 3, base: 1000, factor: 2, cap: 10_000 };
const HISTORY_MAX = 1_000_000;
const PATH_MAX_BYTES = 4095;
const DAY_MS = 86_400_000;

/** Throws `INVALID_CONFIG`, naming the field. */
export function readSystemOptions(options: unknown): AlertSettings {
  return asConfig(() => {
    const source = check.object(options, 'options');
    check.onlyNames(source, '', NAMES);
    const optional = <T>(
      key: keyof AlertSystemOptions,
      fallback: T,
      reader: (value: unknown, at: string) => T,
    ): T => {
      const value = check.own(source, key, '');
      return value === undefined ? fallback : reader(value, key);
    };
    const webhooks = optional('webhooks', {}, (value, at) => ({ ...check.object(value, at) }));
    const inApp = optional('inApp', {}, readInApp);
    const callbacks: Record<string, unknown> = {};
    for (const name of CALLBACKS) callbacks[name] = optional(name, undefined, readFunction);
    const settings = readWebhooks(webhooks, 'webhooks');
    const smtp = optional<Smtp | undefined>('smtp', undefined, readSmtp);
    if (smtp !== undefined) checkHost(smtp, 'smtp', settings.rules);
    return {
      defaults: check.own(source, 'defaults', ''),
      historyLimit: optional('historyLimit', 10_000, (value, at) => check.integer(value, at, 1, HISTORY_MAX)),
      store: optional<AlertStore | undefined>('store', undefined, readStore),
      webhooks: settings,
      repeating: { ...REPEATING, ...webhooks },
      smtp,
      feed: { bufferSize: inApp.bufferSize ?? 100, maxReaders: inApp.maxReaders ?? 1000 },
      heartbeatMs: inApp.heartbeatMs ?? 15_000,
      deliveryTimeoutMs: optional('deliveryTimeoutMs', 30_000, (value, at) =>
        check.integer(value, at, 1, DAY_MS),
      ),
      escalateAfterMs: optional<number | undefined>('escalateAfterMs', undefined, readEscalateAfter),
      callbacks: callbacks as AlertSettings['callbacks'],
    };
  });
}

function readInApp(value: unknown, at: string): InAppOptions {
  const source = check.object(value, at);
  check.onlyNames(source, at, IN_APP_NAMES);
  const read = (key: keyof InAppOptions, min: number, max: number) => {
    const given = check.own(source, key, at);
    return given === undefined ? undefined : check.integer(given, `${at}.${key}`, min, max);
  };
  const bufferSize = read('bufferSize', 1, 10_000);
  const maxReaders = read('maxReaders', 1, 1_000_000);
  const heartbeatMs = read('heartbeatMs', 1, DAY_MS);
  return {
    ...(bufferSize !== undefined && { bufferSize }),
    ...(maxReaders !== undefined && { maxReaders }),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  };
}

function readStore(value: unknown, at: string): AlertStore {
  if (typeof value === 'string') {
    const path = check.text(value, at, PATH_MAX_BYTES, 'well-formed');
    if (path === '' || path.includes('\0')) throw check.invalid(at, 'the path of a file', path);
    return new AlertFile(resolve(path));
  }
  const store = check.object(value, at) as Partial<AlertStore>;
  for (const name of ['load', 'save', 'remove'] as const) {
    if (typeof store[name] !== 'function') throw check.invalid(`${at}.${name}`, 'a function', store[name]);
  }
  return store as AlertStore;
}

function readFunction(value: unknown, at: string): unknown {
  if (typeof value !== 'function') throw check.invalid(at, 'a function', value);
  return value;
}
