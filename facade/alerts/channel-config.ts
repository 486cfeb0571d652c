/** Reads channels. What may hold a secret is never quoted by an error. */
import { type SigningKey, secretsAt } from '../timers/webhooks/secrets';
import * as check from '../validate';
import {
  ADDRESSES_MAX,
  type CheckUrl,
  type HttpTarget,
  optionalOf,
  readLine,
  readTarget,
  readUrl,
  TEXT_MAX_BYTES,
} from './fields';
import { AlertChannel, type AlertLevel, CHANNELS, LEVELS } from './levels';
import { readSms, type Sms } from './sms-config';
import { readSmtp, type Smtp } from './smtp-config';
import type { ChannelConfig, EmailConfig, InAppConfig, SlackConfig, WebhookConfig } from './types';

export interface Retries {
  maxAttempts: number;
  backoffMs: number;
}

export interface Webhook extends HttpTarget {
  timeoutMs: number | undefined;
  retries: Retries | undefined;
  /** `undefined`: those of the system. */
  keys: readonly SigningKey[] | undefined;
}

export interface Email {
  recipients: readonly string[];
  cc: readonly string[];
  from: string;
  subjectTemplate: string | undefined;
  smtp: Smtp | undefined;
}

export interface Slack {
  url: string;
  channel: string | undefined;
  username: string | undefined;
  iconEmoji: string | undefined;
  mentionChannel: boolean;
}

export interface InApp {
  userIds: readonly string[];
  desktop: boolean;
  persistForMs: number | undefined;
}

export type Way =
  | { type: AlertChannel.WEBHOOK; to: Webhook }
  | { type: AlertChannel.EMAIL; to: Email }
  | { type: AlertChannel.SLACK; to: Slack }
  | { type: AlertChannel.IN_APP; to: InApp }
  | { type: AlertChannel.SMS; to: Sms };

/** `way` is `undefined` of one that is not enabled: what it lacks may come later. */
export interface Channel {
  type: AlertChannel;
  minLevel: AlertLevel | undefined;
  way: Way | undefined;
}

const USERS_MAX = 1000;

const PERSIST_MAX_SECONDS = 315_360_000;
const ATTEMPTS_MAX = 100;
const YEAR_MS = 31_536_000_000;

const names = (...all: readonly string[]): ReadonlySet<string> => new Set(all);
const CHANNEL_NAMES = names('type', 'enabled', 'config', 'minLevel' satisfies keyof ChannelConfig);
const RETRY_NAMES = names('maxAttempts', 'backoffMs');
const WEBHOOK_NAMES: ReadonlySet<string> = new Set<keyof WebhookConfig>([
  ...(['url', 'method', 'headers', 'timeout', 'retries', 'secret'] as const),
]);
const EMAIL_NAMES: ReadonlySet<string> = new Set<keyof EmailConfig>([
  ...(['recipients', 'cc', 'from', 'subjectTemplate', 'smtp'] as const),
]);
const SLACK_NAMES: ReadonlySet<string> = new Set<keyof SlackConfig>([
  ...(['webhookUrl', 'channel', 'username', 'iconEmoji', 'mentionChannel'] as const),
]);
const IN_APP_NAMES: ReadonlySet<string> = new Set<keyof InAppConfig>([
  ...(['userIds', 'desktopNotification', 'persistFor'] as const),
]);

export function readChannel(value: unknown, at: string, checkUrl: CheckUrl): Channel {
  const source = check.object(value, at);
  check.onlyNames(source, at, CHANNEL_NAMES);
  const field = (key: keyof ChannelConfig) => check.own(source, key, at);
  const type = check.oneOf(field('type'), `${at}.type`, CHANNELS);
  const minLevel = field('minLevel');
  const config = check.object(field('config'), `${at}.config`);
  return {
    type,
    minLevel: minLevel === undefined ? undefined : check.oneOf(minLevel, `${at}.minLevel`, LEVELS),
    way: check.boolean(field('enabled'), `${at}.enabled`)
      ? readWay(type, config, `${at}.config`, checkUrl)
      : undefined,
  };
}

function readWay(type: AlertChannel, config: object, at: string, checkUrl: CheckUrl): Way {
  switch (type) {
    case AlertChannel.WEBHOOK:
      return { type, to: readWebhook(config, at, checkUrl) };
    case AlertChannel.EMAIL:
      return { type, to: readEmail(config, at) };
    case AlertChannel.SLACK:
      return { type, to: readSlack(config, at, checkUrl) };
    case AlertChannel.IN_APP:
      return { type, to: readInApp(config, at) };
    case AlertChannel.SMS:
      return { type, to: readSms(config, at, checkUrl) };
  }
}

function readWebhook(source: object, at: string, checkUrl: CheckUrl): Webhook {
  check.onlyNames(source, at, WEBHOOK_NAMES);
  const optional = optionalOf(source, at);
  return {
    ...readTarget(source, at, checkUrl),
    timeoutMs: optional('timeout', (value, path) => check.integer(value, path, 1, 300_000)),
    retries: optional('retries', readRetries),
    keys: optional('secret', secretsAt),
  };
}

function readRetries(value: unknown, at: string): Retries {
  const source = check.object(value, at);
  check.onlyNames(source, at, RETRY_NAMES);
  return {
    maxAttempts: check.integer(check.own(source, 'maxAttempts', at), `${at}.maxAttempts`, 1, ATTEMPTS_MAX),
    backoffMs: check.integer(check.own(source, 'backoffMs', at), `${at}.backoffMs`, 0, YEAR_MS),
  };
}

function readEmail(source: object, at: string): Email {
  check.onlyNames(source, at, EMAIL_NAMES);
  const optional = optionalOf(source, at);
  const addresses = (value: unknown, path: string) =>
    check.elements(value, path, ADDRESSES_MAX).map((each, index) => readAddress(each, `${path}[${index}]`));
  const recipients = addresses(check.own(source, 'recipients', at), `${at}.recipients`);
  if (recipients.length === 0) throw check.invalid(`${at}.recipients`, 'at least one address', []);
  return {
    recipients,
    cc: optional('cc', addresses) ?? [],
    from: readAddress(check.own(source, 'from', at), `${at}.from`),
    subjectTemplate: optional('subjectTemplate', readLine),
    smtp: optional('smtp', readSmtp),
  };
}

function readSlack(source: object, at: string, checkUrl: CheckUrl): Slack {
  check.onlyNames(source, at, SLACK_NAMES);
  const optional = optionalOf(source, at);
  return {
    url: readUrl(check.own(source, 'webhookUrl', at), `${at}.webhookUrl`, checkUrl),
    channel: optional('channel', readLine),
    username: optional('username', readLine),
    iconEmoji: optional('iconEmoji', readLine),
    mentionChannel: optional('mentionChannel', check.boolean) ?? false,
  };
}

function readInApp(source: object, at: string): InApp {
  check.onlyNames(source, at, IN_APP_NAMES);
  const optional = optionalOf(source, at);
  const given = check.elements(check.own(source, 'userIds', at), `${at}.userIds`, USERS_MAX);
  if (given.length === 0) throw check.invalid(`${at}.userIds`, 'at least one user', []);
  const seconds = optional('persistFor', (value, path) => check.integer(value, path, 0, PERSIST_MAX_SECONDS));
  return {
    userIds: given.map((each, index) => readUserId(each, `${at}.userIds[${index}]`)),
    desktop: optional('desktopNotification', check.boolean) ?? false,
    persistForMs: seconds === undefined ? undefined : seconds * 1000,
  };
}

export function readUserId(value: unknown, at: string): string {
  const id = check.text(value, at, TEXT_MAX_BYTES, 'well-formed');
  if (id === '') throw check.invalid(at, 'a string that is not empty', id);
  return id;
}

function readAddress(value: unknown, at: string): string {
  const text = readLine(value, at);
  if (!/[^\s@]@[^\s@]/.test(text)) throw check.invalid(at, `an address such as 'ops@example.com'`, text);
  return text;
}
