/** What goes in and comes out: the published shapes, and what is ours beside them (all of it optional). */
import type { WebhookSecrets } from '../timers/webhooks';
import type { AlertChannel, AlertLevel } from './levels';

/** What of a budget triggers an alert. */
export interface BudgetThreshold {
  /** Percentage of the budget that is used, 0 to 100, reached or passed. */
  percentage: number;
  level: AlertLevel;
  /** Whether the orchestrator is paused. Default `false`. */
  autoPause?: boolean;
  /**
   * In place of the usual message: `{percentage}`, `{tokensUsed}`, `{tokensLimit}`, `{costUsed}`, `{costLimit}` and
   * `{threshold}` stand for numbers; other names for nothing.
   */
  messageTemplate?: string;
}

/** A way by which alerts go. */
export interface ChannelConfig {
  type: AlertChannel;
  enabled: boolean;
  config: WebhookConfig | EmailConfig | SlackConfig | InAppConfig | SMSConfig;
  /** Alerts below it do not go this way. Default: all do. */
  minLevel?: AlertLevel;
}

/** Where alerts are posted as JSON ({@link WebhookPayload}). */
export interface WebhookConfig {
  url: string;
  /** Default `POST`. */
  method?: 'POST' | 'PUT';
  /** Beside ours, at most 50. */
  headers?: Record<string, string>;
  /** Milliseconds until the answer has begun. Default, and most: `webhooks.timeout` of the system. */
  timeout?: number;
  /** `backoffMs` before the second attempt, twice as long before each further one. Default: `webhooks` of the system. */
  retries?: { maxAttempts: number; backoffMs: number };
  /** Signs as Standard Webhooks has it: `whsec_...`, or several. Default: `webhooks.secret` of the system. */
  secret?: WebhookSecrets;
}

/** A server that takes mail. */
export interface SmtpConfig {
  /** Of a private network only when `webhooks.allow` or `webhooks.allowPrivateAddresses` of the system allows it. */
  host: string;
  port: number;
  /** TLS from the first byte (port 465); otherwise by STARTTLS where the server has it. */
  secure: boolean;
  auth?: { user: string; pass: string };
  /** Refuses to send in the clear. Default: `true` with `auth`. */
  requireTls?: boolean;
  /** Certificates, as PEM, of the authorities that are trusted. Default: those of Node.js. */
  ca?: string | readonly string[];
  /** Default `true`. `false` accepts any certificate: never in production. */
  rejectUnauthorized?: boolean;
  /** The name in the certificate. Default: `host`. */
  servername?: string;
}

/** Whom alerts are mailed to. */
export interface EmailConfig {
  /** At most 100. */
  recipients: string[];
  cc?: string[];
  from: string;
  /** As `messageTemplate`, with `{title}`, `{level}` and `{orchestratorId}` as well. */
  subjectTemplate?: string;
  /** Default: `smtp` of the system. */
  smtp?: SmtpConfig;
}

/** An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat, Discord's `/slack`). */
export interface SlackConfig {
  webhookUrl: string;
  channel?: string;
  username?: string;
  iconEmoji?: string;
  /** Whether critical alerts and emergencies call everybody in the channel. */
  mentionChannel?: boolean;
}

/** Who is told by `stream` and `handleSse`. */
export interface InAppConfig {
  /** At most 1,000. */
  userIds: string[];
  desktopNotification?: boolean;
  /** Seconds after which whoever comes later is not told any more. Default: as long as the buffer holds it. */
  persistFor?: number;
}

/** Whom alerts are sent to by SMS. `providerConfig`: {@link TwilioConfig}, {@link SmsGatewayConfig} or `{ send }`. */
export interface SMSConfig {
  /** At most 100. */
  phoneNumbers: string[];
  provider: 'twilio' | 'sns' | 'custom';
  providerConfig: Record<string, unknown>;
}

/** Twilio's Messages resource, or what answers like it at `baseUrl`. */
export interface TwilioConfig {
  accountSid: string;
  authToken: string;
  /** The sender, unless there is a `messagingServiceSid`. */
  from?: string;
  messagingServiceSid?: string;
  /** Default `https://api.twilio.com`. */
  baseUrl?: string;
}

/** An HTTP gateway. Without `template` it gets {@link SMSPayload} as JSON, with one a request for each number. */
export interface SmsGatewayConfig {
  url: string;
  method?: 'POST' | 'PUT';
  headers?: Record<string, string>;
  /** The body, with `{to}`, `{body}` and `{from}`, escaped as `contentType` wants it. */
  template?: string;
  /** Default `application/json`. */
  contentType?: string;
  from?: string;
}

/** Sends by the caller's own client, such as that of AWS SNS. What it throws is a failed attempt. */
export type SendSms = (payload: SMSPayload, signal: AbortSignal) => Promise<unknown>;

/** How often one threshold may alert. */
export interface RateLimitConfig {
  maxAlertsPerThreshold: number;
  /** From the first alert of a threshold on. */
  windowMs: number;
  /** `false`: each threshold alerts once in a window, whatever `maxAlertsPerThreshold` allows. Default `true`. */
  allowDuplicates?: boolean;
}

/** Who is told what, by which way, how often, about one orchestrator. */
export interface AlertConfig {
  orchestratorId: string;
  /** 1 to 100. */
  thresholds: BudgetThreshold[];
  /** 1 to 50. */
  channels: ChannelConfig[];
  rateLimit: RateLimitConfig;
  enabled: boolean;
  /** IANA name; with one, e-mails tell when it was in this zone. */
  timezone?: string;
  /** `name`, when it is text, is told by webhooks. */
  metadata?: Record<string, unknown>;
  /** An alert that nobody acknowledges within this goes to the next level and its channels. Default: none does. */
  escalateAfterMs?: number;
}

/** What is used of a budget. Costs are in the currency of the caller; messages say `$`. */
export interface AlertUsage {
  tokensUsed: number;
  /** `Infinity`: unlimited. */
  tokensLimit: number;
  costUsed: number;
  costLimit: number;
  percentageUsed: number;
}

export interface AlertEscalation {
  from: AlertLevel;
  to: AlertLevel;
  at: Date;
}

/** An alert, as it was when it was asked for: a copy. */
export interface Alert {
  /** Unique among all processes. */
  id: string;
  orchestratorId: string;
  level: AlertLevel;
  title: string;
  message: string;
  threshold: BudgetThreshold;
  currentUsage: AlertUsage;
  /** Those that took it. */
  channels: AlertChannel[];
  createdAt: Date;
  acknowledged: boolean;
  acknowledgedBy?: string;
  acknowledgedAt?: Date;
  acknowledgmentNote?: string;
  /** Whether the orchestrator was paused by it. */
  autoPauseTriggered?: boolean;
  /** Of what a tracker told: its `period`. */
  metadata?: Record<string, unknown>;
  /** Oldest first. */
  escalations?: AlertEscalation[];
}

export interface AlertAcknowledgment {
  alertId: string;
  userId: string;
  note?: string;
  timestamp: Date;
}

/** The body of a webhook. Dates are ISO 8601 text there. Its signature is in the headers. */
export interface WebhookPayload {
  event: 'budget.alert';
  alert: Alert;
  orchestrator: { id: string; name?: string };
  timestamp: string;
  signature?: string;
}

export interface EmailPayload {
  subject: string;
  html: string;
  text: string;
  alert: Alert;
}

export interface SlackPayload {
  text: string;
  blocks?: Array<{
    type: string;
    text?: { type: string; text: string };
    fields?: Array<{ type: string; text: string }>;
  }>;
  attachments?: Array<{
    color: string;
    title: string;
    text: string;
    fields: Array<{ title: string; value: string; short: boolean }>;
    footer?: string;
    ts?: number;
  }>;
  channel?: string;
  username?: string;
  icon_emoji?: string;
}

/** The data of an event of `stream` and `handleSse`. */
export interface InAppPayload {
  id: string;
  userIds: string[];
  title: string;
  message: string;
  level: AlertLevel;
  actions?: Array<{ label: string; action: string; url?: string }>;
  icon?: string;
  desktop?: boolean;
  expiresAt?: Date;
  data?: Record<string, unknown>;
}

export interface SMSPayload {
  to: string[];
  body: string;
  from?: string;
}

/** How one alert fared. */
export interface AlertDeliveryResult {
  alertId: string;
  /** In the order of the configuration. `metadata` has `attempts`, and the `status` that a server answered. */
  results: Array<{
    channel: AlertChannel;
    success: boolean;
    error?: string;
    deliveredAt?: Date;
    metadata?: Record<string, unknown>;
  }>;
  /** `failed` too when there was no channel for it. */
  status: 'success' | 'partial' | 'failed';
  attempted: number;
  succeeded: number;
  failed: number;
}

export interface AlertHistoryFilter {
  orchestratorId?: string;
  level?: AlertLevel;
  acknowledged?: boolean;
  /** Both ends belong to it. */
  dateRange?: { start: Date; end: Date };
  /** Default 100, also for 0. */
  limit?: number;
  offset?: number;
  sortBy?: 'createdAt' | 'level' | 'percentageUsed';
  /** Default `desc`. */
  sortOrder?: 'asc' | 'desc';
}

export interface AlertStats {
  orchestratorId: string;
  totalAlerts: number;
  byLevel: Record<AlertLevel, number>;
  /** Only what was delivered. */
  byChannel: Record<AlertChannel, number>;
  acknowledged: number;
  unacknowledged: number;
  autoPauseCount: number;
  avgAckTimeMs?: number;
  timeRange: { start: Date; end: Date };
}
