// Built from facade/ by `npm run build:types`. Do not edit.

import { IncomingMessage, ServerResponse } from 'node:http';
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { z } from 'zod';

/** An amount of money. What the package tells is exact decimal text with at most six decimals. */
interface Money {
    /** A decimal number as text, `'25.00'`, or a number; not negative. */
    amount: string | number;
    /** ISO 4217. */
    currency: string;
}
/** Prices for budgets in money, in whole micro-units (10^-6) of a currency; `null`: no price is known. One that throws knows none, too. */
interface BudgetPrices {
    /** Of its amounts, ISO 4217, converted with `currencyRates`. Default: the tracker's. */
    readonly currency?: string;
    /** The most that so many tokens of the model can cost, rounded up. */
    reserveMicros(model: string, tokens: number): number | null;
    /** What they have cost, rounded half up. */
    usageMicros(usage: PricedTokens): number | null;
}
/** Tokens that were used. What the total has beyond its parts is of unknown kind. */
interface PricedTokens {
    model: string;
    timestamp?: Date;
    promptTokens: number;
    completionTokens: number;
    cacheReadTokens: number;
    cacheWriteTokens: number;
    reasoningTokens: number;
    totalTokens: number;
}
/** The money of one period. */
interface CostStats {
    used: Money;
    /** Held by reservations. */
    reserved: Money;
    /** `null`: unlimited. */
    limit: Money | null;
    remaining: Money | null;
    /** `(used + reserved) / limit * 100`; 0 when unlimited. */
    percentUsed: number;
    currency: string;
}
/** The money of a reservation that ended. */
interface CostSettlement {
    reserved: Money;
    recorded: Money;
    /** Recorded beyond what was held. */
    overage: Money;
}

/** A calendar period, in the time zone of `timeZone`. */
type BudgetPeriod = 'hourly' | 'daily' | 'monthly';
/** Tokens and money per period. What is left out is unlimited; 0 allows nothing. */
interface TokenBudget {
    hourly?: number;
    daily?: number;
    monthly?: number;
    /** Money beside the tokens: a reservation holds both or nothing. */
    hourlyCost?: Money;
    dailyCost?: Money;
    monthlyCost?: Money;
}
/** The money of a check or a refused reservation. */
interface CostCheck {
    /** What was asked for. */
    estimated: Money;
    /** What there is before it; `null`: unlimited. */
    available: Money | null;
    limit: Money | null;
    /** `(used + reserved) / limit * 100`, before what was asked for. */
    percentUsed: number;
}
/** The answer of `checkBudget`. */
interface BudgetCheck {
    allowed: boolean;
    /** What would be left after the estimated tokens: `max(0, available - estimatedTokens)`. */
    remaining: number;
    /** With live overrides; `Infinity` when unlimited. */
    limit: number;
    period: BudgetPeriod;
    /** `(used + reserved) / limit * 100`, before the estimated tokens. */
    percentUsed: number;
    estimatedTokens: number;
    wouldExceed: boolean;
    /** Which limit it is refused by; tokens when it is both. */
    limitedBy?: 'tokens' | 'cost';
    /** Where there is money in the period, or a cost was asked about. */
    cost?: CostCheck;
    /** Why it is refused, or that there is no limit. */
    message?: string;
    /** What there is before the estimated tokens. */
    available?: number;
    /** `true` while the orchestrator is paused: nothing is allowed, whatever would fit. */
    paused?: boolean;
    /** `true` when the store was away and `onStoreError` answered; then the numbers say nothing. */
    storeUnavailable?: boolean;
}
/** The limits of one orchestrator. */
interface BudgetInForce {
    /** Without overrides. */
    base: TokenBudget;
    /** With the live overrides. */
    effective: TokenBudget;
    /** `stored`: set by `setBudget`, for every process; `configured`: from the configuration. */
    source: 'configured' | 'stored';
}
/** A window of one period: `[start, end)`. */
interface PeriodWindow {
    period: BudgetPeriod;
    start: Date;
    end: Date;
    ttlSeconds: number;
    key: string;
}
/** The keys of one orchestrator and period. */
interface BudgetKeys {
    usage: string;
    reservations: string;
    overrides: string;
    metadata: string;
}

/** Resolves names so that only addresses are connected to that were checked. */

/** Addresses of a host, as text. */
type WebhookLookup = (hostname: string) => Promise<readonly string[]>;

/** One secret, or several while they are exchanged: each signs. `undefined`: not signed. */
type WebhookSecrets = string | readonly string[] | undefined;
/**
 * How webhooks are signed, sent and repeated. Everything is optional.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({
 *   webhooks: { secret: process.env.WEBHOOK_SECRET, allow: ['hooks.internal'], maxAttempts: 12 },
 * });
 * ```
 */
interface WebhookOptions {
    /**
     * Signs as Standard Webhooks has it: `whsec_` and 24 to 64 bytes as base64, or several such secrets, which all sign
     * while one replaces the other. A function is asked at each attempt, for secrets that differ by address; when it
     * throws, the attempt fails. Default: not signed.
     */
    secret?: WebhookSecrets | ((url: string) => WebhookSecrets | Promise<WebhookSecrets>);
    /**
     * What webhooks may go to although it is private: addresses (`'127.0.0.1'`), networks (`'10.0.0.0/8'`), names of hosts
     * (`'hooks.internal'`, `'*.internal'`), at most 1,000. Default: nothing.
     */
    allow?: readonly string[];
    /**
     * Whether webhooks may go to private, loopback and reserved addresses. Those where clouds give credentials to
     * their machines stay closed unless `allow` names them. Default `false`.
     */
    allowPrivateAddresses?: boolean;
    /** Refuses `http://`. Default `false`. */
    httpsOnly?: boolean;
    /** Certificates, as PEM, of authorities that are trusted beside those of Node.js. */
    ca?: string | readonly string[];
    /** Until a connection stands, its name resolved and TLS agreed on. Default `'5s'`. */
    connectTimeout?: number | string;
    /** Until the answer has begun, connecting included. Default `'15s'`. */
    timeout?: number | string;
    /** Attempts in all, 1 to 100. Default 10, with the other defaults over three and a half days at most. */
    maxAttempts?: number;
    /** Wait after the first attempt. Default `'5s'`. */
    base?: number | string;
    /** So many times longer is each further wait, 1 to 100. Default 6. */
    factor?: number;
    /** No wait is longer, whatever `Retry-After` says. Default `'24h'`. */
    cap?: number | string;
    /** The share of each wait that is random, 0 to 1: a wait is that much shorter at most. Default 0.5. */
    jitter?: number;
    /** Resolves names instead of the resolver of this host; what it answers is checked all the same. */
    lookup?: WebhookLookup;
}

/** The webhook is not to be trusted. Its message has nothing of the webhook and of the secret. */
declare class WebhookVerificationError extends Error {
    readonly name = "WebhookVerificationError";
    readonly code = "WEBHOOK_NOT_VERIFIED";
    readonly reason: 'headers' | 'timestamp' | 'signature' | 'body';
    constructor(reason: WebhookVerificationError['reason'], message: string);
}
interface VerifyWebhookOptions {
    /** How far the clocks of both sides may differ, either way. Default 300. */
    toleranceSeconds?: number;
    /** Milliseconds since the epoch. Default: the clock of this host. */
    now?: () => number;
}
interface VerifiedWebhook {
    /** The same in each repetition: whoever must not act twice remembers it. */
    id: string;
    /** When this attempt was made. */
    sentAt: Date;
    /** The body, parsed. */
    payload: unknown;
}
/**
 * Checks the signature and the time of a webhook, in constant time, and parses it.
 *
 * `body`: as it was received, before anything parsed it. `headers`: a `Headers` or the `headers` of a request of
 * Node.js. `secret`: one, or several while they are exchanged. Throws {@link WebhookVerificationError} for a webhook
 * that is not genuine, `INVALID_ARGUMENT` for anything else that is wrong.
 *
 * @example
 * ```ts
 * const { id, payload } = verifyWebhook(await request.text(), request.headers, process.env.WEBHOOK_SECRET!);
 * ```
 */
declare function verifyWebhook(body: string | Uint8Array, headers: unknown, secret: string | readonly string[], options?: VerifyWebhookOptions): VerifiedWebhook;

/** An alert as it is kept: `json` is ours to read. */
interface StoredAlert {
    id: string;
    json: string;
}
/**
 * Keeps alerts by id, for one process at a time. Each method is called when the one before has ended. What rejects is
 * told by `onError`, and tried again with the next change.
 */
interface AlertStore {
    /** Everything that is kept, oldest first, in whatever order it was changed later. */
    load(): Promise<Iterable<StoredAlert>>;
    /** Adds those of new ids, and replaces the others. */
    save(alerts: readonly StoredAlert[]): Promise<void>;
    /** Unknown ids are none of its business. */
    remove(ids: readonly string[]): Promise<void>;
}

/** How serious an alert is, and by which way it goes. Names and values are those of the published enums. */
/** In ascending order. */
declare enum AlertLevel {
    INFO = "info",
    WARNING = "warning",
    CRITICAL = "critical",
    EMERGENCY = "emergency"
}
declare enum AlertChannel {
    WEBHOOK = "webhook",
    EMAIL = "email",
    SLACK = "slack",
    /** A stream of server-sent events. */
    IN_APP = "in_app",
    SMS = "sms"
}

/** What goes in and comes out: the published shapes, and what is ours beside them (all of it optional). */

/** What of a budget triggers an alert. */
interface BudgetThreshold {
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
interface ChannelConfig {
    type: AlertChannel;
    enabled: boolean;
    config: WebhookConfig | EmailConfig | SlackConfig | InAppConfig | SMSConfig;
    /** Alerts below it do not go this way. Default: all do. */
    minLevel?: AlertLevel;
}
/** Where alerts are posted as JSON ({@link WebhookPayload}). */
interface WebhookConfig {
    url: string;
    /** Default `POST`. */
    method?: 'POST' | 'PUT';
    /** Beside ours, at most 50. */
    headers?: Record<string, string>;
    /** Milliseconds until the answer has begun. Default, and most: `webhooks.timeout` of the system. */
    timeout?: number;
    /** `backoffMs` before the second attempt, twice as long before each further one. Default: `webhooks` of the system. */
    retries?: {
        maxAttempts: number;
        backoffMs: number;
    };
    /** Signs as Standard Webhooks has it: `whsec_...`, or several. Default: `webhooks.secret` of the system. */
    secret?: WebhookSecrets;
}
/** A server that takes mail. */
interface SmtpConfig {
    /** Of a private network only when `webhooks.allow` or `webhooks.allowPrivateAddresses` of the system allows it. */
    host: string;
    port: number;
    /** TLS from the first byte (port 465); otherwise by STARTTLS where the server has it. */
    secure: boolean;
    auth?: {
        user: string;
        pass: string;
    };
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
interface EmailConfig {
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
interface SlackConfig {
    webhookUrl: string;
    channel?: string;
    username?: string;
    iconEmoji?: string;
    /** Whether critical alerts and emergencies call everybody in the channel. */
    mentionChannel?: boolean;
}
/** Who is told by `stream` and `handleSse`. */
interface InAppConfig {
    /** At most 1,000. */
    userIds: string[];
    desktopNotification?: boolean;
    /** Seconds after which whoever comes later is not told any more. Default: as long as the buffer holds it. */
    persistFor?: number;
}
/** Whom alerts are sent to by SMS. `providerConfig`: {@link TwilioConfig}, {@link SmsGatewayConfig} or `{ send }`. */
interface SMSConfig {
    /** At most 100. */
    phoneNumbers: string[];
    provider: 'twilio' | 'sns' | 'custom';
    providerConfig: Record<string, unknown>;
}
/** Twilio's Messages resource, or what answers like it at `baseUrl`. */
interface TwilioConfig {
    accountSid: string;
    authToken: string;
    /** The sender, unless there is a `messagingServiceSid`. */
    from?: string;
    messagingServiceSid?: string;
    /** Default `https://api.twilio.com`. */
    baseUrl?: string;
}
/** An HTTP gateway. Without `template` it gets {@link SMSPayload} as JSON, with one a request for each number. */
interface SmsGatewayConfig {
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
type SendSms = (payload: SMSPayload, signal: AbortSignal) => Promise<unknown>;
/** How often one threshold may alert. */
interface RateLimitConfig$1 {
    maxAlertsPerThreshold: number;
    /** From the first alert of a threshold on. */
    windowMs: number;
    /** `false`: each threshold alerts once in a window, whatever `maxAlertsPerThreshold` allows. Default `true`. */
    allowDuplicates?: boolean;
}
/** Who is told what, by which way, how often, about one orchestrator. */
interface AlertConfig {
    orchestratorId: string;
    /** 1 to 100. */
    thresholds: BudgetThreshold[];
    /** 1 to 50. */
    channels: ChannelConfig[];
    rateLimit: RateLimitConfig$1;
    enabled: boolean;
    /** IANA name; with one, e-mails tell when it was in this zone. */
    timezone?: string;
    /** `name`, when it is text, is told by webhooks. */
    metadata?: Record<string, unknown>;
    /** An alert that nobody acknowledges within this goes to the next level and its channels. Default: none does. */
    escalateAfterMs?: number;
}
/** What is used of a budget. Costs are in the currency of the caller; messages say `$`. */
interface AlertUsage {
    tokensUsed: number;
    /** `Infinity`: unlimited. */
    tokensLimit: number;
    costUsed: number;
    costLimit: number;
    percentageUsed: number;
}
interface AlertEscalation {
    from: AlertLevel;
    to: AlertLevel;
    at: Date;
}
/** An alert, as it was when it was asked for: a copy. */
interface Alert {
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
interface AlertAcknowledgment {
    alertId: string;
    userId: string;
    note?: string;
    timestamp: Date;
}
/** The body of a webhook. Dates are ISO 8601 text there. Its signature is in the headers. */
interface WebhookPayload {
    event: 'budget.alert';
    alert: Alert;
    orchestrator: {
        id: string;
        name?: string;
    };
    timestamp: string;
    signature?: string;
}
interface EmailPayload {
    subject: string;
    html: string;
    text: string;
    alert: Alert;
}
interface SlackPayload {
    text: string;
    blocks?: Array<{
        type: string;
        text?: {
            type: string;
            text: string;
        };
        fields?: Array<{
            type: string;
            text: string;
        }>;
    }>;
    attachments?: Array<{
        color: string;
        title: string;
        text: string;
        fields: Array<{
            title: string;
            value: string;
            short: boolean;
        }>;
        footer?: string;
        ts?: number;
    }>;
    channel?: string;
    username?: string;
    icon_emoji?: string;
}
/** The data of an event of `stream` and `handleSse`. */
interface InAppPayload {
    id: string;
    userIds: string[];
    title: string;
    message: string;
    level: AlertLevel;
    actions?: Array<{
        label: string;
        action: string;
        url?: string;
    }>;
    icon?: string;
    desktop?: boolean;
    expiresAt?: Date;
    data?: Record<string, unknown>;
}
interface SMSPayload {
    to: string[];
    body: string;
    from?: string;
}
/** How one alert fared. */
interface AlertDeliveryResult {
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
interface AlertHistoryFilter {
    orchestratorId?: string;
    level?: AlertLevel;
    acknowledged?: boolean;
    /** Both ends belong to it. */
    dateRange?: {
        start: Date;
        end: Date;
    };
    /** Default 100, also for 0. */
    limit?: number;
    offset?: number;
    sortBy?: 'createdAt' | 'level' | 'percentageUsed';
    /** Default `desc`. */
    sortOrder?: 'asc' | 'desc';
}
interface AlertStats {
    orchestratorId: string;
    totalAlerts: number;
    byLevel: Record<AlertLevel, number>;
    /** Only what was delivered. */
    byChannel: Record<AlertChannel, number>;
    acknowledged: number;
    unacknowledged: number;
    autoPauseCount: number;
    avgAckTimeMs?: number;
    timeRange: {
        start: Date;
        end: Date;
    };
}

/** One notification, as streams give it. */
interface InAppEvent {
    /** For `lastEventId`. */
    id: string;
    payload: InAppPayload;
}

/** What `onError` is told beside the error. */
interface AlertErrorContext {
    /** What failed: a callback of the caller, the pause of an orchestrator, the store, the check after an event. */
    of: 'onDelivery' | 'onPause' | 'onResume' | 'onEscalation' | 'pause' | 'store' | 'check';
    orchestratorId?: string;
    alertId?: string;
}
/** How streams of notifications are bounded. */
interface InAppOptions {
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
interface AlertSystemOptions {
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

/** Pauses orchestrators, and lets them go on: by the caller's functions, and by the trackers that are listened to. */

/** What of a tracker pauses for every process at once. */
interface PausingTracker {
    pauseOrchestrator?(orchestratorId: string, options?: {
        reason?: string;
        until?: Date;
        pausedBy?: string;
    }): unknown;
    resumeOrchestrator?(orchestratorId: string): unknown;
}

/** What is asked of a tracker: that of this package has it. */
interface AlertingTracker extends PausingTracker {
    on(event: any, listener: (...args: any[]) => void): unknown;
    off(event: any, listener: (...args: any[]) => void): unknown;
    getUsageStats(orchestratorId: string, period?: BudgetPeriod): Promise<object>;
}
/** What a window has cost, in one currency. */
interface AlertCosts {
    used: number;
    /** Default: unlimited. */
    limit?: number;
}
/** How a tracker is listened to. */
interface AttachOptions {
    /** Windows that alert. Default: all three. */
    periods?: readonly BudgetPeriod[];
    /**
     * Looks at the windows of orchestrators that used something, at most every so many milliseconds, so that also
     * percentages alert that the tracker has no threshold for. Each process that does tells its own alerts: have one of
     * them do it. Default: only the tracker's thresholds are listened to, which are told once across all processes.
     */
    checkEveryMs?: number;
    /** What a window has cost. Default: the `cost` of the tracker's stats, where it has one; else 0. */
    costs?(orchestratorId: string, period: BudgetPeriod): AlertCosts | Promise<AlertCosts>;
    /** Until when auto-pause pauses: until somebody resumes, or the window ends. Default `resumed`. */
    pauseUntil?: 'resumed' | 'window-end';
}

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
declare class BudgetAlertSystem {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. */
    constructor(options?: AlertSystemOptions);
    /** Resolves when the history of before has been read. Rejects when it cannot be: then this one is not kept. */
    ready(): Promise<void>;
    /**
     * Replaces the configuration of an orchestrator by a copy of `config`. Rejects with `INVALID_CONFIG`, naming the
     * field.
     */
    configureAlerts(config: AlertConfig): Promise<void>;
    /** Forgets the configuration of an orchestrator; `defaults` hold again. Whether there was one. */
    removeAlerts(orchestratorId: string): Promise<boolean>;
    /**
     * Makes an alert of each threshold that is reached and has not alerted enough, pauses where one wants it, and takes
     * them every way that is configured. Resolves with them when all attempts have ended.
     */
    checkAndAlert(orchestratorId: string, usage: AlertUsage): Promise<Alert[]>;
    /** Says that somebody takes care. Rejects with `ALERT_NOT_FOUND` and `ALERT_ACKNOWLEDGED`. */
    acknowledgeAlert(alertId: string, userId: string, options?: {
        note?: string;
    }): Promise<void>;
    /** Newest first; at most `limit`, 100 by default. */
    getAlertHistory(orchestratorId: string, limit?: number): Promise<Alert[]>;
    getFilteredAlertHistory(filter: AlertHistoryFilter): Promise<Alert[]>;
    /** Whether thresholds with `autoPause` pause an orchestrator. They do until this says otherwise. */
    setAutoPause(orchestratorId: string, enabled: boolean): Promise<void>;
    /** Lets an orchestrator go on: calls `onResume`, and the trackers that are attached. Rejects as they do. */
    resume(orchestratorId: string): Promise<void>;
    getAlertStats(orchestratorId: string, timeRange?: {
        start: Date;
        end: Date;
    }): Promise<AlertStats>;
    /** Forgets what is older; answers how many alerts that were. */
    clearOldAlerts(orchestratorId: string, olderThan: Date): Promise<number>;
    /**
     * Alerts about what a tracker tells, from now on: its thresholds, of orchestrators that have a configuration. What
     * pauses, pauses by the tracker as well, where it has `pauseOrchestrator`. Answers what ends it.
     *
     * @example
     * ```ts
     * const detach = alerts.attach(tracker, { pauseUntil: 'window-end' });
     * ```
     */
    attach(tracker: AlertingTracker, options?: AttachOptions): () => void;
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
    stream(userId: string, options?: {
        lastEventId?: string;
        signal?: AbortSignal;
    }): AsyncIterableIterator<InAppEvent>;
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
    handleSse(request: IncomingMessage, response: ServerResponse, options: {
        userId: string;
        lastEventId?: string;
    }): void;
    /**
     * Lets deliveries under way end, for at most `timeout` ms (5,000), then ends them, streams and connections, and
     * listens to nothing any more. A second call returns the same promise.
     */
    close(options?: {
        timeout?: number;
    }): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What went wrong, for programs. Stable: a code is never renamed.
 *
 * | code | meaning |
 * |---|---|
 * | `INVALID_CONFIG` | the constructor was given something it cannot work with; `field` names it |
 * | `INVALID_ARGUMENT` | a method was; `field` names it, and nothing was written |
 * | `RESERVATION_NOT_FOUND` | unknown, already ended, or expired longer ago than `lateSettleTTL` |
 * | `OVERRIDES_DISABLED` | `enableOverrides` is `false` |
 * | `REQUEST_CONFLICT` | the `requestId` was seen before with other numbers; the id belongs to another timer; the circuit breaker was made with other options |
 * | `STORE_UNAVAILABLE` | not connected, the server refused, or too much is waiting (`maxPending`) |
 * | `TIMEOUT` | connected, and no answer within `commandTimeout` |
 * | `CLOSED` | the tracker, the limiter, the manager or the coordinator was closed |
 * | `NEVER_FITS` | the request is larger than a limit: it could wait for ever |
 * | `RATE_LIMITED` | it could not be made within `maxWaitMs`; or all tokens have exceeded their limits |
 * | `LINE_FULL` | `maxWaiting` requests wait already |
 * | `PERMIT_NOT_FOUND` | the permit has ended before |
 * | `TIMER_NOT_FOUND` | there is no such timer, or none that can be changed |
 * | `TIMER_CANCELLED` | the timer that was waited for was cancelled |
 * | `ALERT_NOT_FOUND` | there is no such alert, or it was forgotten |
 * | `ALERT_ACKNOWLEDGED` | somebody has acknowledged the alert before |
 * | `RETRIES_EXHAUSTED` | as many attempts were made as were allowed |
 * | `CIRCUIT_OPEN` | the call was not made: the circuit breaker of its service is open |
 */
type TokenBudgetErrorCode = 'INVALID_CONFIG' | 'INVALID_ARGUMENT' | 'RESERVATION_NOT_FOUND' | 'OVERRIDES_DISABLED' | 'REQUEST_CONFLICT' | 'STORE_UNAVAILABLE' | 'TIMEOUT' | 'CLOSED' | 'NEVER_FITS' | 'RATE_LIMITED' | 'LINE_FULL' | 'PERMIT_NOT_FOUND' | 'TIMER_NOT_FOUND' | 'TIMER_CANCELLED' | 'ALERT_NOT_FOUND' | 'ALERT_ACKNOWLEDGED' | 'RETRIES_EXHAUSTED' | 'CIRCUIT_OPEN';
/**
 * Every failure of this package. A denied budget is none: it is a result.
 *
 * @example
 * ```ts
 * try {
 *   await tracker.releaseReservation(id, 1200);
 * } catch (error) {
 *   if (error instanceof TokenBudgetError && error.code === 'RESERVATION_NOT_FOUND') return;
 *   throw error;
 * }
 * ```
 */
declare class TokenBudgetError extends Error {
    readonly name: string;
    readonly code: TokenBudgetErrorCode;
    /** Path of the refused field, such as `usage.promptTokens` or `redis.port`. */
    readonly field: string | undefined;
    constructor(code: TokenBudgetErrorCode, message: string, details?: {
        field?: string;
        cause?: unknown;
    });
}

type Listener<Arguments> = Arguments extends readonly unknown[] ? (...args: Arguments) => void : never;
type Arguments<Given> = Given extends readonly unknown[] ? Given : never;
/** Node's emitter, with listeners typed by the name of the event. */
interface TypedEmitter<Events> extends EventEmitter {
    on<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    once<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    off<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    addListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    removeListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    prependListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    prependOnceListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
    emit<E extends keyof Events & string>(event: E, ...args: Arguments<Events[E]>): boolean;
}
declare const TypedEmitter: new <Events>() => TypedEmitter<Events>;

/** One server address. */
interface RedisNode {
    host: string;
    port?: number;
}
/** TLS towards the store; certificates and keys as PEM. */
interface RedisTlsOptions {
    ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
    cert?: string | Uint8Array;
    key?: string | Uint8Array;
    /** Default `true`. `false` accepts any certificate: never in production. */
    rejectUnauthorized?: boolean;
}
/** Where Redis or Valkey is. `{}` is `localhost:6379`. A field wins over the same part of `url`. */
interface RedisOptions {
    /** Default `localhost`. */
    host?: string;
    /** Default 6379. */
    port?: number;
    username?: string;
    password?: string;
    /** Default 0; a cluster has only 0. */
    db?: number;
    /** Begins every key. Default `orchestrator`. */
    keyPrefix?: string;
    /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
    url?: string;
    tls?: boolean | RedisTlsOptions;
    /** Sentinels to ask for the primary called `name`. Default port 26379. */
    sentinels?: readonly RedisNode[];
    /** The name of the primary, with `sentinels`. */
    name?: string;
    sentinelUsername?: string;
    sentinelPassword?: string;
    /** Nodes of a cluster to begin with; `true` begins with `host` and `port`. */
    cluster?: readonly RedisNode[] | true;
    /**
     * Whether connections live in a thread of their own. Default `false`: in the event loop of the thread that
     * calls, where a call changes threads least often. `true` takes work off a busy main thread and makes each
     * call about as long as two thread changes slower.
     */
    ioThread?: boolean;
    /**
     * How long the thread looks for the answer to a call that nothing else waits beside, before it sleeps, in
     * microseconds. A server on the same machine answers sooner than a sleeping thread wakes up; where looking is in
     * vain it is hardly ever tried. Default 100, at most 1,000; 0 never looks.
     */
    busyPollMicros?: number;
}
/** A file that state is kept in, with those that lie beside it (`-wal`, `-shm` and `-lock`). */
interface StorageOptions {
    path: string;
}
/** Where state lives, and how long to wait for it. Durations are milliseconds. */
interface StoreOptions {
    /** State on Redis or Valkey, shared by every process. Default: in memory. */
    redis?: RedisOptions;
    /** In memory, shared by name between the objects and worker threads of this process. */
    memory?: {
        name?: string;
    };
    /**
     * In this process and on disk, in the file of this path: a restart, a crash and a power cut lose nothing that was
     * acknowledged. Objects and worker threads of one process share a path; another process has to wait until this one
     * has ended. Nothing is answered, and no event told, before it is on disk.
     */
    storage?: string | StorageOptions;
    /** The time of the store in this process, in milliseconds since the epoch. Default `Date.now`. */
    clock?: () => number;
    /** Every operation ends within this. Default 2,000. */
    commandTimeout?: number;
    /** Default 5,000. */
    connectTimeout?: number;
    /** Reports that may wait for an absent or slow store after their promise resolved. Default 100,000. */
    spoolLimit?: number;
    /** Operations that may wait at once; one more rejects with `STORE_UNAVAILABLE`. Default 100,000. */
    maxPending?: number;
}
/**
 * How a tracker is set up. Everything is optional; without `redis` or `storage`, state lives in the memory of this process.
 * Durations are milliseconds.
 *
 * @example
 * ```ts
 * const tracker = new TokenBudgetTracker({
 *   defaultBudget: { hourly: 100_000, daily: 1_000_000 },
 *   redis: { url: 'redis://localhost:6379/0' },
 * });
 * ```
 */
interface BudgetConfig extends StoreOptions {
    /** For every orchestrator without its own. Default: unlimited. */
    defaultBudget?: TokenBudget;
    /** Each replaces the default as a whole. */
    orchestratorBudgets?: Record<string, TokenBudget>;
    /** In which money is counted, ISO 4217; the same for all that share a store. Default `USD`. */
    currency?: string;
    /** Units of other currencies for one US dollar, such as `{ EUR: '0.92' }`, for amounts that are given in them. */
    currencyRates?: Record<string, number | string>;
    /**
     * What tokens cost, for reservations and usage that name a model and no cost. Asked where money is counted: a budget has
     * a limit of money, or `currency` or `priceSource` is given. Default: the prices that are shipped, which need a rate in
     * `currencyRates` when `currency` is not `USD`.
     */
    priceSource?: BudgetPrices;
    /**
     * What becomes of a check or a reservation whose cost is not known, by an orchestrator with a limit of money: it is
     * refused with `INVALID_ARGUMENT`, or costs nothing. What was used is always recorded. Default `reject`.
     */
    unknownModel?: 'reject' | 'unpriced';
    /** Ascending fractions above 0, at most 1000. Default `[0.5, 0.75, 0.9, 1.0]`. */
    thresholds?: readonly number[];
    /** Life of a reservation that nobody releases. Default 900,000 (15 minutes). */
    reservationTTL?: number;
    /** Default `true`. */
    enableOverrides?: boolean;
    /** IANA name of the zone in which hours, days and months begin. Default `UTC`. */
    timeZone?: string;
    /** How long a `requestId` is remembered. Default 3,600,000 (1 hour). */
    idempotencyTTL?: number;
    /** How long after its expiry a reservation can still be settled. Default 86,400,000 (1 day). */
    lateSettleTTL?: number;
    /** Entries kept per orchestrator and period; 0 keeps none. Default 100,000. */
    historyLimit?: number;
    /** Whether ending a reservation records its usage. Default `record`. */
    settle?: 'record' | 'release-only';
    /** Whether every process hears every threshold. Default `false`: the one that crossed it. */
    broadcast?: boolean;
    /** What checks and reservations answer while the store is away or refuses. Default `reject`. */
    onStoreError?: 'reject' | 'allow' | 'deny';
}

/**
 * Extra tokens, or money, in one period until an instant, for every process at once. An orchestrator can have
 * 1,000 live ones; one more is refused with `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * await tracker.setBudgetOverride({
 *   orchestratorId: 'orchestrator-1', period: 'hourly', additionalTokens: 50_000,
 *   reason: 'Production incident', expiresAt: new Date(Date.now() + 3_600_000), createdBy: 'ops',
 * });
 * ```
 */
interface BudgetOverride {
    orchestratorId: string;
    period: BudgetPeriod;
    /** An exact integer from 0 to 2^53 - 1; 0 with `additionalCost`. */
    additionalTokens: number;
    /** Money instead of tokens. */
    additionalCost?: Money;
    /** At most 4,096 bytes. */
    reason: string;
    /** In the past it has no effect. */
    expiresAt: Date;
    /** At most 1,024 bytes. */
    createdBy: string;
    /** Kept as JSON, at most 64 KiB of it. */
    metadata?: Record<string, unknown>;
    /** Yours to give, 1 to 256 bytes; one that exists is replaced. Default: a random UUID. */
    id?: string;
}
/** An override as the store keeps it. */
interface StoredOverride extends BudgetOverride {
    id: string;
}

/** Options of `pauseOrchestrator`. */
interface PauseOptions {
    /** Why; at most 4,096 bytes. */
    reason?: string;
    /** When it ends by itself, by the store's clock. Default: when somebody resumes. In the past it pauses nothing. */
    until?: Date;
    /** Who; at most 1,024 bytes. */
    pausedBy?: string;
}
/** An orchestrator that is granted nothing. What it uses is recorded all the same. */
interface OrchestratorPause extends PauseOptions {
    orchestratorId: string;
    /** By the store's clock. */
    pausedAt: Date;
}

/** Tokens held for a call in flight. */
interface TokenReservation {
    id: string;
    orchestratorId: string;
    tokens: number;
    /** Money held beside the tokens. */
    cost?: Money;
    /** The shortest of {@link TokenReservation.periods}. */
    period: BudgetPeriod;
    /** By the store's clock. */
    createdAt: Date;
    /** When the tokens are given back if nobody releases them before. */
    expiresAt: Date;
    /** Every period that holds the tokens, shortest first. */
    periods?: BudgetPeriod[];
}
/** The answer of `reserveTokens`. A refused one holds nothing. */
interface ReservationResult {
    success: boolean;
    /** When granted. */
    reservationId?: string;
    /** When granted. */
    reservation?: TokenReservation;
    /** What is left afterwards, the least over the periods; 0 when refused. */
    remaining: number;
    /** When refused: why. */
    error?: string;
    /** What there was before: `remaining + tokens` when granted, else of the period that refused. */
    available?: number;
    /** When refused: the period, shortest first, in which the tokens did not fit. */
    period?: BudgetPeriod;
    /** When refused: which limit it was; tokens when it was both. */
    limitedBy?: 'tokens' | 'cost';
    /** When refused: the money of that period, where there is any. */
    cost?: CostCheck;
    /** When refused: the limit of that period, with live overrides. */
    limit?: number;
    /** When refused: `false` when the tokens exceed the limit itself, so that waiting is in vain. */
    retryable?: boolean;
    /** `true` when it was refused because the orchestrator is paused. */
    paused?: boolean;
    /**
     * When refused: the end of that period's window, when what was used no longer counts; of a paused orchestrator
     * the end of the pause, absent when that is not known.
     */
    resetsAt?: Date;
    /** `true` when the store was away and `onStoreError` answered; nothing is held then. */
    storeUnavailable?: boolean;
}
/** How a reservation ended; the second argument of `reservation:released`. */
interface ReservationSettlement {
    /** Tokens that were held. */
    reserved: number;
    /** Tokens that were used, as reported. */
    actual: number;
    /** Tokens recorded beyond those held. */
    overage: number;
    /** Whether it had expired before. */
    late: boolean;
    /** Tokens that were recorded: 0 for a known `requestId`, and with `settle: 'release-only'`. */
    recorded: number;
    /** Where money was held or recorded. */
    cost?: CostSettlement;
}

/** How the tokens of a call came about. All are exact integers from 0 to 2^53 - 1. */
interface TokenParts {
    promptTokens: number;
    completionTokens: number;
    /** Prompt tokens that were read from the provider's cache. */
    cacheReadTokens?: number;
    /** Prompt tokens that were written to the provider's cache. */
    cacheWriteTokens?: number;
    /** Completion tokens that were spent on reasoning. */
    reasoningTokens?: number;
}
/**
 * Tokens that are gone. `totalTokens` is what counts against the budget; the parts describe it.
 *
 * @example
 * ```ts
 * await tracker.trackUsage({
 *   orchestratorId: 'orchestrator-1', sessionId: 'session-1', timestamp: new Date(),
 *   promptTokens: 1000, completionTokens: 2000, totalTokens: 3000, model: 'claude-sonnet-4.5',
 * });
 * ```
 */
interface TokenUsage extends TokenParts {
    /** Who spent them: 1 to 256 bytes of UTF-8. */
    orchestratorId: string;
    /** At most 1,024 bytes. */
    sessionId: string;
    /**
     * When they were spent. Counts in each period whose current window contains it; one in the
     * future counts as now.
     */
    timestamp: Date;
    totalTokens: number;
    /** At most 256 bytes; empty counts as `unknown`. */
    model: string;
    /**
     * Counts once within `idempotencyTTL`: reporting it again resolves and changes nothing, with
     * other numbers it rejects with `REQUEST_CONFLICT`. At most 1,024 bytes.
     */
    requestId?: string;
    /** Kept in the history as JSON, at most 64 KiB of it. */
    metadata?: Record<string, unknown>;
    /** What it cost. Default: what `priceSource` says, where money is counted; absent in events where nobody knows. */
    cost?: Money;
}
/** Who used the tokens of a reservation that ends. */
interface UsageAttribution extends Partial<TokenParts> {
    model?: string;
    sessionId?: string;
    /** As in {@link TokenUsage.requestId}. */
    requestId?: string;
    /**
     * As in {@link TokenUsage.cost}; without a model, that of the reservation is asked for. Where no price is known, or the
     * reservation is of another process: its share of the money that the reservation holds, rounded up.
     */
    cost?: Money;
}
/** One entry of the history of a period. */
interface UsageRecord extends TokenUsage {
    /** When the usage came from ending a reservation. */
    reservationId?: string;
}
/** Usage of the current window of one period. */
interface UsageStats {
    orchestratorId: string;
    period: BudgetPeriod;
    /** Tokens recorded in the window. */
    totalUsed: number;
    /** With live overrides; `Infinity` when unlimited. */
    limit: number;
    /** `max(0, limit - totalUsed - reservedTokens)`; `Infinity` when unlimited. */
    remaining: number;
    /** `(totalUsed + reservedTokens) / limit * 100`; 0 when unlimited, 100 when the limit is 0. */
    percentUsed: number;
    reservedTokens: number;
    /** Where money is counted. */
    cost?: CostStats;
    activeReservations: number;
    /** The window `[periodStart, periodEnd)`, by the store's clock. */
    periodStart: Date;
    periodEnd: Date;
    breakdown: {
        promptTokens: number;
        completionTokens: number;
        cacheReadTokens?: number;
        cacheWriteTokens?: number;
        reasoningTokens?: number;
        /** Used tokens that no part accounts for. */
        unattributedTokens?: number;
    };
    /** At most five, most tokens first; `percentage` is the share of `totalUsed`. */
    topModels: Array<{
        model: string;
        tokens: number;
        percentage: number;
    }>;
}

/** A threshold that was crossed upwards. */
interface BudgetThresholdEvent {
    orchestratorId: string;
    period: BudgetPeriod;
    /** The fraction, as configured. */
    threshold: number;
    /** What the numbers count: tokens, or units of the currency, which `cost` tells exactly. Always told. */
    unit?: 'tokens' | 'cost';
    /** Used in the window. */
    currentUsage: number;
    limit: number;
    /** `(used + reserved) / limit * 100`. */
    percentUsed: number;
    timestamp: Date;
    /** Of tokens. */
    reservedTokens?: number;
    /** Of money. */
    cost?: {
        used: Money;
        reserved: Money;
        limit: Money;
    };
}
/** A check or a reservation that was refused. */
interface BudgetDeniedEvent {
    orchestratorId: string;
    period: BudgetPeriod;
    tokens: number;
    available: number;
    limit: number;
    timestamp: Date;
    source: 'check' | 'reserve';
    /** Which limit it was; none for a paused orchestrator and for a store that is away. */
    limitedBy?: 'tokens' | 'cost';
    cost?: CostCheck;
}
/** What happens between this process and the store. */
interface StoreEvents {
    'store:connected': [event: {
        address: string;
    }];
    'store:disconnected': [event: {
        address: string;
        reason: string;
    }];
    /** Something an operator should know, such as a server that evicts keys. */
    'store:warning': [event: {
        message: string;
    }];
    /**
     * A listener threw, or something that was spooled was refused in the end. Only emitted when somebody
     * listens; without a listener nothing is thrown.
     */
    error: [error: unknown];
}
/** Every event, with the arguments of its listeners. */
interface TrackerEvents extends StoreEvents {
    /** `threshold:50` for 0.5, `threshold:12.5` for 0.125. Once per crossing across all processes. */
    [threshold: `threshold:${number}`]: [event: BudgetThresholdEvent];
    /** A threshold of 1 or above, after its `threshold:<percent>`. */
    'budget:exceeded': [event: BudgetThresholdEvent];
    'budget:denied': [event: BudgetDeniedEvent];
    'budget:set': [event: {
        orchestratorId: string;
        budget: TokenBudget | null;
    }];
    /** Tokens were recorded. */
    'usage:tracked': [usage: TokenUsage];
    /** The store is away; the usage waits and is recorded when it is back. */
    'usage:spooled': [usage: TokenUsage];
    'reservation:created': [reservation: TokenReservation];
    'reservation:released': [reservationId: string, settlement: ReservationSettlement];
    'reservation:expired': [reservation: TokenReservation];
    'override:set': [override: StoredOverride];
    'override:removed': [event: {
        orchestratorId: string;
        id: string;
    }];
    /** With `broadcast` in every process, else in the one that asked for it. So is its end, but for one by itself. */
    'orchestrator:paused': [pause: OrchestratorPause];
    'orchestrator:resumed': [event: {
        orchestratorId: string;
    }];
}
type TrackerEventName = keyof TrackerEvents;
type TrackerListener<E extends TrackerEventName> = (...args: TrackerEvents[E]) => void;

/** What a call will cost. With a limit of money one of them has to be known, see `unknownModel`. */
interface CostOptions {
    /** Rounded up to a millionth. */
    cost?: Money;
    /** Without `cost`: the most that its tokens can cost by this model. */
    model?: string;
}
/** Options of `checkBudget` and `getUsageStats`; the latter has no cost. */
interface CheckOptions extends CostOptions {
    /** When it aborts, the promise rejects with its reason. */
    signal?: AbortSignal;
}
/** Options of `reserveTokens`. */
interface ReserveOptions extends CostOptions {
    /** When it aborts, the promise rejects with its reason; a grant that comes later is released. */
    signal?: AbortSignal;
    /** Milliseconds; wins over `reservationTTL`. */
    ttl?: number;
}
/** Options of `listReservations`. */
interface ListReservationsOptions {
    /** Default: every period. */
    period?: BudgetPeriod;
    /** Default 0. */
    offset?: number;
    /** Default 100. */
    limit?: number;
}
/** Options of `getUsageHistory`. */
interface HistoryOptions {
    /** Default 100. */
    limit?: number;
    /** Newest entries to skip. Default 0. */
    offset?: number;
}
/** Options of `ready`. */
interface ReadyOptions {
    signal?: AbortSignal;
    /** Milliseconds. Default `connectTimeout`. */
    timeout?: number;
}
/** Options of `close`. */
interface CloseOptions {
    /** Milliseconds that pending operations and waiting usages get. Default 5,000. */
    timeout?: number;
}

/**
 * Counts, reserves and enforces the tokens of many orchestrators at once.
 *
 * Methods never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 100_000 } });
 * const reservation = await tracker.reserveTokens('orchestrator-1', 5000);
 * if (reservation.success) {
 *   const response = await callModel();
 *   await tracker.releaseReservation(reservation.reservationId!, response.usage.total_tokens);
 * }
 * ```
 */
declare class TokenBudgetTracker extends TypedEmitter<TrackerEvents> {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(config?: BudgetConfig);
    /** Records tokens that are gone, whatever the limit. Emits `usage:tracked`. */
    trackUsage(usage: TokenUsage): Promise<void>;
    /** Whether `estimatedTokens` would fit now. Holds nothing: use `reserveTokens` to be sure. */
    checkBudget(orchestratorId: string, estimatedTokens: number, period?: BudgetPeriod, options?: CheckOptions): Promise<BudgetCheck>;
    /**
     * Holds tokens in one period, several, or `'all'`: in each of them or in none, in one atomic
     * step. Emits `reservation:created`, or `budget:denied`.
     */
    reserveTokens(orchestratorId: string, tokens: number, period?: BudgetPeriod | readonly BudgetPeriod[] | 'all', options?: ReserveOptions): Promise<ReservationResult>;
    /**
     * Ends a reservation and records what was really used, in all periods; 0 gives everything back.
     * Works from any process and, late, after the reservation expired. Emits
     * `reservation:released` and, when something was recorded, `usage:tracked`. While the store is
     * away it resolves when the usage is kept (`usage:spooled`); what the store refuses then is told by `error`.
     */
    releaseReservation(reservationId: string, actualUsed: number, attribution?: UsageAttribution): Promise<void>;
    /** Usage of the current window of one period. */
    getUsageStats(orchestratorId: string, period?: BudgetPeriod, options?: CheckOptions): Promise<UsageStats>;
    /** What was recorded in the current window, newest first. */
    getUsageHistory(orchestratorId: string, period?: BudgetPeriod, options?: HistoryOptions): Promise<UsageRecord[]>;
    /** Adds to the limit of one period until `expiresAt`. Emits `override:set` with its `id`. */
    setBudgetOverride(override: BudgetOverride): Promise<void>;
    /** Ends an override before its time; `false` when there was none. Emits `override:removed`. */
    removeOverride(orchestratorId: string, id: string): Promise<boolean>;
    /** The live overrides, soonest expiry first. */
    listOverrides(orchestratorId: string, period?: BudgetPeriod): Promise<StoredOverride[]>;
    /**
     * Replaces the limits of one orchestrator for every process, as a whole: a period left out is
     * unlimited. `null` returns to the configured ones. Emits `budget:set`.
     */
    setBudget(orchestratorId: string, budget: TokenBudget | null): Promise<void>;
    /** The limits in force, and where they come from. */
    getBudget(orchestratorId: string): Promise<BudgetInForce>;
    /**
     * Grants nothing to an orchestrator until `until`, or until it is resumed, in every process: `checkBudget` answers
     * `allowed: false`, `reserveTokens` `success: false`, both with `paused: true`. What is held stays held, what is used
     * is recorded. Replaces an earlier pause. Emits `orchestrator:paused`.
     *
     * @example
     * ```ts
     * await tracker.pauseOrchestrator('team-a', { reason: 'Runaway loop', until: new Date(Date.now() + 600_000) });
     * ```
     */
    pauseOrchestrator(orchestratorId: string, options?: PauseOptions): Promise<void>;
    /** Ends a pause; `false` when there was none. Emits `orchestrator:resumed`. */
    resumeOrchestrator(orchestratorId: string): Promise<boolean>;
    /** The pause in force; `null` when there is none. */
    getPause(orchestratorId: string): Promise<OrchestratorPause | null>;
    /** Reservations that hold tokens, soonest expiry first. */
    listReservations(orchestratorId: string, options?: ListReservationsOptions): Promise<TokenReservation[]>;
    /**
     * Lets thresholds that were crossed already be crossed anew. Without an orchestrator: of every
     * one this tracker has used, the latest 10,000 of them.
     */
    clearThresholdCache(orchestratorId?: string, period?: BudgetPeriod): Promise<void>;
    /** Whether the store answers. Never rejects; `false` after `close`. */
    healthCheck(): Promise<boolean>;
    /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
    ready(options?: ReadyOptions): Promise<void>;
    /**
     * Finishes what is pending and lets go of the store. A second call returns the same promise;
     * everything else rejects with `CLOSED` from now on.
     */
    close(options?: CloseOptions): Promise<void>;
    /** The same as {@link TokenBudgetTracker.close}. */
    disconnect(): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

/** What a session has used so far. Exact integers from 0 to 2^53 - 1; what is left out is not known. */
interface DaemonSessionMetrics {
    /** All tokens. Left out: the sum of the two parts. */
    tokensUsed?: number;
    promptTokens?: number;
    completionTokens?: number;
    cacheReadTokens?: number;
    cacheWriteTokens?: number;
    reasoningTokens?: number;
}
/** A session as a daemon tells of it. */
interface DaemonSession {
    id: string;
    orchestratorId: string;
    model?: string;
    /** `completed`, `failed` and `terminated` have ended. */
    status?: string;
    /** With it, and its id, the usage of a session counts once, whoever reports it. */
    startedAt?: Date;
    metrics?: DaemonSessionMetrics;
}
/** Whoever emits the events of sessions. */
interface SessionEmitter {
    on(event: string, listener: (...args: any[]) => void): unknown;
    off(event: string, listener: (...args: any[]) => void): unknown;
}
/** A daemon: the one of the orchestrator package, or what looks like it. */
interface SessionDaemon extends SessionEmitter {
    stopSession?(sessionId: string): unknown;
}
/** What {@link attachBudget} needs of a tracker. */
type SessionTracker = Pick<TokenBudgetTracker, 'checkBudget' | 'reserveTokens' | 'releaseReservation' | 'trackUsage' | 'on' | 'off'>;
/** How {@link attachBudget} treats sessions. */
interface AttachBudgetOptions {
    /**
     * `reserve` holds the estimated tokens until the session ends, so that sessions together cannot spend more than there
     * is; `check` only looks. Default `reserve`.
     */
    mode?: 'reserve' | 'check';
    /** Tokens that a session is expected to use. Default 10,000. */
    estimate?: number | ((session: DaemonSession) => number | Promise<number>);
    /** Where they have to fit. Default `hourly`. */
    period?: BudgetPeriod | readonly BudgetPeriod[] | 'all';
    /**
     * The model of sessions that name none, by which they are priced where money is limited. Without any, such a session is
     * refused, or costs nothing with `unknownModel: 'unpriced'` of the tracker. Its usage counts under `unknown`.
     */
    model?: string | ((session: DaemonSession) => string | undefined);
    /** How long tokens are held at most, in milliseconds. What is used later still counts. Default: the tracker's. */
    reservationTTL?: number;
    /** Who else tells of sessions. Default: the `sessionManager` of the daemon, when it has one. */
    sessions?: SessionEmitter;
    /** Stops a session that was refused. Default: `stopSession` of the daemon, else of `sessions`. */
    stop?(session: DaemonSession): unknown;
    /** Told before it is stopped. */
    onRefused?(session: DaemonSession, answer: BudgetCheck | ReservationResult): void;
    /** Whatever fails. A session that could not be checked goes on. Default: the `error` event of the tracker, when heard. */
    onError?(error: unknown, session: DaemonSession | null): void;
}
/** Listens no more. Resolves when everything that was under way is done; never rejects. */
type DetachBudget = () => Promise<void>;

/**
 * Makes the sessions of a daemon live within a budget: what a session is expected to use is reserved (or checked) when it
 * starts, one that is refused is stopped, and what it used is recorded when it ends, however it ends. Answers a
 * function that lets go. Throws `INVALID_ARGUMENT`, naming the field; what fails later is told by `onError`.
 *
 * @example
 * ```ts
 * const detach = attachBudget(daemon, tracker, { estimate: 10_000, period: ['hourly', 'daily'] });
 * process.once('SIGTERM', async () => {
 *   await daemon.stop();
 *   await detach();
 *   await tracker.close();
 * });
 * ```
 */
declare function attachBudget(daemon: SessionDaemon, tracker: SessionTracker, options?: AttachBudgetOptions): DetachBudget;

/** What tokens cost: prices, usage and estimates. */
/** The currencies of the published module. */
type Currency = 'USD' | 'EUR' | 'GBP';
/** Any ISO 4217 code whose rate is known; see `setCurrencyRate`. */
type CurrencyCode = Currency | (string & {});
/**
 * What becomes of usage by a model that no price is known for.
 *
 * | policy | the cost |
 * |---|---|
 * | `'estimate'` | by the dearest model that its name has most words in common with, or the dearest of all; marked `isEstimate` |
 * | `'reject'` | throws `INVALID_ARGUMENT` that names `modelId` |
 * | `'unpriced'` | 0, with `isPriced: false`, and listed as `unpriced` in estimates |
 */
type UnknownModelPolicy = 'reject' | 'estimate' | 'unpriced';
/** Prices that hold for the whole request once its input, cached or not, has more tokens than `aboveInputTokens`. */
interface LongContextPrices {
    aboveInputTokens: number;
    /** Per million tokens. What is left out keeps its price. */
    inputTokenCost?: number;
    outputTokenCost?: number;
    cacheReadTokenCost?: number;
    cacheWriteTokenCost?: number;
    reasoningTokenCost?: number;
}
/**
 * What the tokens of a model cost, per million of them. Prices are exact to a millionth of the currency.
 *
 * @example
 * ```ts
 * calculator.addCustomPricing({
 *   modelId: 'our-llama', provider: 'custom', currency: 'EUR', effectiveDate: new Date('2026-01-01'),
 *   inputTokenCost: 0.2, outputTokenCost: 0.6, cacheReadTokenCost: 0.02,
 * });
 * ```
 */
interface ModelPricing {
    /** At most 256 bytes of UTF-8. */
    modelId: string;
    /** `'custom'` for every other provider; `providerId` tells which. */
    provider: 'anthropic' | 'openai' | 'google' | 'custom';
    inputTokenCost: number;
    outputTokenCost: number;
    currency: Currency;
    /** From when on. Of several prices of a model in `prices` the latest one of the usage's day counts. */
    effectiveDate: Date;
    /** Such as `deepseek`. */
    providerId?: string;
    /** Input tokens from the provider's cache; the price of input without it. */
    cacheReadTokenCost?: number;
    /** Input tokens into the provider's cache; the price of input without it. */
    cacheWriteTokenCost?: number;
    /** Output tokens for reasoning; the price of output without it. */
    reasoningTokenCost?: number;
    /** For each request, whatever its tokens. */
    requestCost?: number;
    /** What a batch pays, in percent of the price of its tokens; 100 without it. */
    batchPercent?: number;
    /** Ascending. */
    longContext?: LongContextPrices[];
}
/** What tells the cost of usage, beside its tokens. All are exact integers from 0 to 2^53 - 1. */
interface CostParts {
    /** Of the input tokens. */
    cacheReadTokens?: number;
    /** Of the input tokens. */
    cacheWriteTokens?: number;
    /** Of the output tokens. */
    reasoningTokens?: number;
    /** Whether it was sent in a batch. */
    batch?: boolean;
}
/** One usage, as it is recorded and reported. */
interface TokenUsageRecord extends CostParts {
    id: string;
    orchestratorId: string;
    sessionId: string;
    timestamp: Date;
    modelId: string;
    provider: string;
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    toolName?: string;
    toolCallId?: string;
    metadata?: Record<string, unknown>;
}
/** What `costOf` needs to know of a usage. */
interface PricedUsage extends CostParts {
    modelId: string;
    /** Who sold it; without it, who makes it. */
    provider?: string;
    /** When prices are asked for; now without it. */
    timestamp?: Date;
    /** All input tokens, cached or not. */
    inputTokens: number;
    /** All output tokens, with those for reasoning. */
    outputTokens: number;
}
/** How `costOf` prices. */
interface CostOfOptions {
    /**
     * `true`: usage of input and output tokens alone costs what `calculateRecordCost` says, which for models of the
     * published module is its price. Default `false`: what is billed.
     */
    asPublished?: boolean;
}
/** An exact cost, in pico-units (10^-12) of the calculator's currency. */
interface UsageCost {
    inputPico: bigint;
    outputPico: bigint;
    currency: Currency;
    /** `false`: no price is known, and the cost is 0 because the calculator's policy is `'unpriced'`. */
    isPriced: boolean;
    /** The model whose prices were used; `null` when it is not priced. */
    model: string | null;
    /** Whether those are the prices of another model, because no price is known. */
    isEstimate: boolean;
}
/** What a call will cost at most. */
interface CallCost extends UsageCost {
    /** Both sides as decimal text in the currency, rounded up to a millionth: `0.012345`. */
    amount: string;
}
/** What a cost is asked for. */
interface CostParams {
    orchestratorId?: string;
    sessionId?: string;
    startTime: Date;
    endTime: Date;
    currency?: Currency;
    includeProjection?: boolean;
}
/** What usage has cost, by model. */
interface CostEstimate {
    totalCost: number;
    currency: string;
    /** Dearest first. */
    breakdown: CostBreakdown[];
    projection?: CostProjection;
    /** Usage that no price is known for and that `totalCost` does not contain; left out when there is none. */
    unpriced?: UnpricedUsage[];
}
/** What one model has cost. */
interface CostBreakdown {
    modelId: string;
    provider: string;
    inputTokens: number;
    outputTokens: number;
    inputCost: number;
    outputCost: number;
    totalCost: number;
    /** Of all costs, 0 to 100. */
    percentage: number;
    /** `true` where the prices are those of another model, because none are known. */
    isEstimate?: boolean;
}
/** What an unknown model has used. */
interface UnpricedUsage {
    modelId: string;
    inputTokens: number;
    outputTokens: number;
    records: number;
}
/** What a time to come will cost if it goes on like this. */
interface CostProjection {
    projectionPeriod: 'daily' | 'weekly' | 'monthly';
    projectedCost: number;
    /** From 0 (nothing to go by) over 0.1 (three days and less) to 0.95: the share of thirty days that is known. */
    confidence: number;
    /** Days between the first and the last usage, rounded to a tenth. */
    basedOnDays: number;
}
/** How a `CostCalculator` is made, beside a list of prices. */
interface CostCalculatorOptions {
    /** Over all other prices. Several of one model are its history, by `effectiveDate`. */
    prices?: ModelPricing[];
    /** Default `'estimate'`. */
    unknownModel?: UnknownModelPolicy;
    /** Units of each currency for one US dollar, such as `{ EUR: 0.92 }`, over those of the published module. */
    currencyRates?: Record<string, number | string>;
    /** Of `costOf` and `estimateCost`; default `'USD'`. */
    currency?: Currency;
}
/** Tokens whose price in micro-units a {@link PriceSource} is asked for. */
interface MeteredUsage {
    model: string;
    provider?: string;
    timestamp?: Date;
    promptTokens: number;
    completionTokens: number;
    cacheReadTokens?: number;
    cacheWriteTokens?: number;
    reasoningTokens?: number;
    /** What it has beyond prompt and completion tokens is priced as the dearer of the two. */
    totalTokens?: number;
}
/** Of `priceSource`. */
interface PriceSourceOptions {
    /** Default: the calculator's. */
    currency?: Currency;
    /** `'estimate'`: of an unknown model its dearest relative's price; else it has none, `null`. */
    unknownModel?: UnknownModelPolicy;
}
/** Prices for budgets in money: whole micro-units (10^-6) of `currency`; `null` for a model without a price. */
interface PriceSource {
    readonly currency: Currency;
    /** The most that so many tokens can cost, rounded up. */
    reserveMicros(model: string, tokens: number): number | null;
    /** What they have cost, rounded half up. Never throws for tokens that were counted in another way. */
    usageMicros(usage: MeteredUsage): number | null;
}

/** What usage costs, with the interface of the published module. */

/**
 * What tokens cost. Prices come from a snapshot of what providers ask (`pricesVersion`), over which you may lay your own;
 * all sums are exact until they are shown. Nothing is asked of anybody: it works offline, and reads the snapshot when a
 * price is first needed.
 *
 * Methods of the published module answer what they answered there, in floating point; `costOf` and `estimateCost` are
 * exact, and know caches, reasoning, batches and long contexts. `docs/costs.md` says where the two differ.
 *
 * @example
 * ```ts
 * const calculator = new CostCalculator({ unknownModel: 'reject', currencyRates: { EUR: '0.8631' } });
 * const { inputPico, outputPico } = calculator.costOf({
 *   modelId: 'claude-sonnet-4-5', inputTokens: 12_000, cacheReadTokens: 10_000, outputTokens: 800,
 * });
 * ```
 */
declare class CostCalculator {
    #private;
    /**
     * Throws `INVALID_CONFIG` for a price, a rate or an option that cannot be.
     *
     * @param options A list of prices over all others, or options.
     */
    constructor(options?: ModelPricing[] | CostCalculatorOptions);
    /** Of the prices that are shipped: `genai-prices 0.1.8 (2026-09-23)`. */
    get pricesVersion(): string;
    /** Sets the prices of a model, over all others that it has. */
    addCustomPricing(pricing: ModelPricing): void;
    /** The prices of a model at present, under any of its names; `null` when it has none. */
    getModelPricing(modelId: string): ModelPricing | null;
    /**
     * The cost of one record. `INVALID_ARGUMENT` names what is wrong with it, and under the policy `'reject'` a model without
     * a price.
     */
    calculateRecordCost(record: TokenUsageRecord, targetCurrency?: CurrencyCode): number;
    /**
     * What records have cost, by model, and on request what a period to come will cost if it goes on like this. Usage
     * without a price is treated as the calculator's policy says: estimated rows are marked, unpriced usage is listed.
     */
    calculateCostEstimate(records: TokenUsageRecord[], targetCurrency?: CurrencyCode, includeProjection?: boolean, projectionPeriod?: CostProjection['projectionPeriod']): CostEstimate;
    /** An amount in another currency, by the rates that are set. */
    convertCurrency(amount: number, fromCurrency: CurrencyCode, toCurrency: CurrencyCode): number;
    /**
     * The prices at present of all models of the published module, of your own, and of those that Anthropic, OpenAI and
     * Google make. Models of others are found by `getModelPricing`.
     */
    getAllPricing(): ModelPricing[];
    /** The price of a thousand tokens at present, in the currency of the model's prices; `null` when it has none. */
    getCostPer1KTokens(modelId: string, type: 'input' | 'output'): number | null;
    /**
     * The exact cost of one usage, by the prices of its time and of who sold it.
     *
     * @example
     * ```ts
     * const { inputPico, outputPico, currency } = calculator.costOf({
     *   modelId: 'gpt-4o', inputTokens: 1000, outputTokens: 500, batch: true,
     * });
     * ```
     */
    costOf(usage: PricedUsage, options?: CostOfOptions): UsageCost;
    /** What a call costs at most: nothing is known of caches yet. */
    estimateCost(model: string, inputTokens: number, maxOutputTokens: number): CallCost;
    /**
     * What one US dollar is in a currency. A number or a decimal string, of which nine decimals count. Costs of before are
     * not changed.
     *
     * @example
     * ```ts
     * calculator.setCurrencyRate('CHF', '0.8042');
     * calculator.convertCurrency(10, 'USD', 'CHF'); // 8.042
     * ```
     */
    setCurrencyRate(currency: CurrencyCode, unitsPerDollar: number | string): void;
    /**
     * Prices for budgets in money, in whole micro-units. An unknown model has none (`null`), whatever the calculator's policy
     * is, unless `unknownModel` is `'estimate'`: a limit is not to be kept by a guess that nobody asked for.
     */
    priceSource(options?: PriceSourceOptions): PriceSource;
}
/**
 * The calculator that everybody shares. With prices or options a new one takes its place.
 *
 * @example
 * ```ts
 * const cost = getCostCalculator().calculateRecordCost(record, 'EUR');
 * ```
 */
declare function getCostCalculator(options?: ModelPricing[] | CostCalculatorOptions): CostCalculator;

/** How long the slots of a report's time series are. Weeks begin on Monday. */
type ReportGranularity = 'hourly' | 'daily' | 'weekly' | 'monthly';
/** What the usage of a report can be told apart by. */
type ReportGroup = 'orchestrator' | 'session' | 'model' | 'tool';
/** A record as it is kept, and what it cost when it was recorded: exact decimal text, such as `0.0105`. */
interface StoredUsage extends TokenUsageRecord {
    /** `null`: its model had no price. */
    cost: {
        input: string;
        output: string;
        currency: string;
    } | null;
}
/** Which records: both ends are included. An empty id is none. */
interface UsageFilter {
    orchestratorId?: string;
    sessionId?: string;
    startTime: Date;
    endTime: Date;
}
interface ReportParams extends UsageFilter {
    granularity: ReportGranularity;
    /** Default: orchestrator and model. */
    groupBy?: ReportGroup[];
    /** Looks for anomalies of the report's time: of `orchestratorId`, or of the 100 orchestrators with the most tokens. */
    includeAnomalies?: boolean;
    /** IANA name of the zone whose hours, days, weeks and months are the slots. Default: that of the config. */
    timeZone?: string;
}
/** Usage of a time. */
interface UsageReport {
    period: {
        startTime: Date;
        endTime: Date;
        granularity: string;
    };
    summary: UsageSummary;
    /** Most tokens first. */
    breakdown: UsageBreakdown[];
    /** By time; absent when they were not looked for. */
    anomalies?: Anomaly[];
    /** Where they were looked for. */
    anomalySearch?: AnomalySearch;
    costEstimate: ReportCostEstimate;
    /**
     * Slots one after the other, empty ones too. They cover the whole time, or where that has more than 10,000 slots,
     * from the first usage to the last.
     */
    timeSeries: UsageSlot[];
}
/** Where the anomalies of a report were looked for. */
interface AnomalySearch {
    /** Whole hours, at most the last 10,000 of the report's time; both absent when it has not begun. */
    startTime?: Date;
    endTime?: Date;
    /** How many orchestrators were looked at, and how many others had usage too. */
    orchestrators: number;
    notLookedAt: number;
    /** How many anomalies were found before the latest 1,000, which are told. */
    leftOut: number;
}
/** What the usage cost, by the prices that were in force when it was recorded. */
interface ReportCostEstimate extends CostEstimate {
    /** How many records had no price: their cost is not in the sums. */
    unpricedRecords: number;
}
interface UsageSummary {
    totalInputTokens: number;
    totalOutputTokens: number;
    totalTokens: number;
    totalRecords: number;
    uniqueOrchestrators: number;
    uniqueSessions: number;
    averageTokensPerSession: number;
    /** Of the earliest record with the most tokens. */
    peakUsageTimestamp?: Date;
    peakUsageTokens?: number;
}
interface UsageBreakdown {
    /** The name of the group; `unknown` for records without a tool. */
    key: string;
    type: ReportGroup;
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    /** Of all tokens of the report. */
    percentage: number;
    recordCount: number;
    /** In the currency of the report's estimate; absent when no record of the group had a price. */
    cost?: number;
    /** How many records of the group had no price. */
    unpricedRecords: number;
}
/** Usage of `[start, end)`. */
interface UsageSlot {
    start: Date;
    end: Date;
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    records: number;
    /** In the currency of the report's estimate. */
    cost: number;
}
/** Usage that is not as it is used to be. */
interface Anomaly {
    id: string;
    orchestratorId: string;
    sessionId?: string;
    timestamp: Date;
    type: 'spike' | 'unusual_pattern' | 'budget_exceeded' | 'rate_limit_approached';
    severity: 'low' | 'medium' | 'high' | 'critical';
    description: string;
    actualValue: number;
    expectedValue: number;
    deviationPercentage: number;
    metadata?: Record<string, unknown>;
}
/** A point of usage in time. */
interface UsageDataPoint {
    timestamp: Date;
    orchestratorId: string;
    sessionId?: string;
    totalTokens: number;
    inputTokens: number;
    outputTokens: number;
    cost?: number;
}
interface AnomalyDetectionConfig {
    enabled: boolean;
    /** How many standard deviations from the mean are a spike. Default 2.5. */
    spikeThreshold: number;
    /** Taken and not used, as in the published module. Default 100. */
    windowSize: number;
    /** With fewer records in the last 24 hours nothing is a spike. Default 10. */
    minDataPoints: number;
    /** Fraction of a limit from which a budget is `warning`. Default 0.8. */
    budgetWarningThreshold: number;
    /** Fraction of a limit from which a budget is `critical`. Default 0.95. */
    budgetCriticalThreshold: number;
}
/** What {@link UsageReporterConfigSchema} makes of a configuration. */
interface UsageReporterConfig {
    /** `false`: nothing is recorded. Default `true`. */
    enabled: boolean;
    /** `false`: usage is told by events only. Default `true`. */
    persistToDatabase: boolean;
    /** Records that are older are deleted while there are new ones. Default 90. */
    retentionDays: number;
    /** Taken and not used: every report names its granularity. Default hourly, daily, monthly. */
    aggregationIntervals: ReportGranularity[];
    anomalyDetection: AnomalyDetectionConfig;
    /** Of reports and estimates. Default `USD`. */
    defaultCurrency: Currency;
}
/** How a reporter is set up; everything may be left out. */
interface UsageReporterOptions extends Partial<Omit<UsageReporterConfig, 'anomalyDetection'>> {
    anomalyDetection?: Partial<AnomalyDetectionConfig>;
    /**
     * Where the price of the published module and the one that is billed differ (long contexts of `claude-sonnet-4-5`):
     * `'published'` as it reports, `'exact'` as is billed. Default `'published'`.
     */
    pricing?: 'published' | 'exact';
    /** IANA name of the zone of the slots of reports, unless they name one. Default `UTC`. */
    timeZone?: string;
    /** IANA name of the zone of the windows of `getBudgetStatus`. Default: that of the process. */
    budgetTimeZone?: string;
}
interface UsageStatistics {
    mean: number;
    median: number;
    stdDev: number;
    min: number;
    max: number;
    q1: number;
    q3: number;
    dataPoints: number;
}
/** How much of a limit the current window has used. */
interface BudgetStatusExtended {
    orchestratorId: string;
    period: BudgetPeriod;
    limit: number;
    used: number;
    remaining: number;
    /** `used / limit * 100`; 100 when the limit is 0, 0 when it is `Infinity`. */
    percentage: number;
    status: 'healthy' | 'warning' | 'critical' | 'exceeded';
    /** When the window ends. */
    resetAt: Date;
}
type BudgetStatus = BudgetStatusExtended;
/** Where records are kept by the caller. Reports are then computed over what `getUsageRecords` returns. */
interface UsageStorage {
    saveUsageRecord(record: TokenUsageRecord): Promise<void>;
    /** Records from `startTime` to `endTime`, both included. */
    getUsageRecords(params: UsageFilter): Promise<TokenUsageRecord[]>;
    /** Deletes what is before `olderThan`; answers how many. */
    deleteOldRecords(olderThan: Date): Promise<number>;
}
/** Records as text. */
interface ExportOptions extends UsageFilter {
    /** `csv`: RFC 4180 with a header; `json`: one array; `ndjson`: a line each. */
    format: 'csv' | 'json' | 'ndjson';
}
/** What a reporter tells. */
interface UsageReporterEvents {
    'usage-recorded': [record: TokenUsageRecord];
    /** Once per anomaly, and again when it got more severe. */
    'anomaly-detected': [anomaly: Anomaly];
    'budget-warning': [status: BudgetStatus];
    /** The status is `critical` or `exceeded`. */
    'budget-exceeded': [status: BudgetStatus];
    /**
     * A listener threw, usage of an attached tracker could not be recorded or priced, or old records could not be
     * deleted. Only emitted when somebody listens.
     */
    error: [error: unknown];
}

/** What reports ask of a calculator: the published class has the first two, and whoever is exact has `costOf`. */
interface ReportCalculator {
    calculateCostEstimate(records: TokenUsageRecord[], targetCurrency?: Currency): CostEstimate;
    convertCurrency(amount: number, fromCurrency: Currency, toCurrency: Currency): number;
    getModelPricing?(modelId: string): ModelPricing | null;
    costOf?(record: PricedUsage, options?: CostOfOptions): UsageCost;
}

/** What is asked of a pool of the package `pg`. */
interface PostgresPool {
    query(text: string, values?: any[]): Promise<PostgresResult>;
    connect(): Promise<PostgresClient>;
}
interface PostgresClient {
    query(text: string, values?: any[]): Promise<PostgresResult>;
    release(error?: Error | boolean): void;
}
interface PostgresResult {
    rows: any[];
    rowCount?: number | null;
}

/** Which tables a {@link PostgresUsageStorage} uses. */
interface PostgresUsageStorageOptions {
    /** Default `public`. */
    schema?: string;
    /** Default `token_usage`; `<table>_migrations` stands beside it. */
    table?: string;
    /**
     * Prices records that are saved by `saveUsageRecord` directly; a reporter prices what it records itself. Default:
     * `getCostCalculator()`.
     */
    calculator?: ReportCalculator;
}
/**
 * Records in PostgreSQL, through a pool of the package `pg` that is the caller's and stays open. A reporter on it has its
 * sums made by the server.
 *
 * @example
 * ```ts
 * const storage = new PostgresUsageStorage(new Pool({ connectionString: process.env.DATABASE_URL }));
 * await storage.migrate();
 * const reporter = new UsageReporter({}, storage);
 * ```
 */
declare class PostgresUsageStorage implements UsageStorage {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. Nothing is asked of the server yet. */
    constructor(pool: PostgresPool, options?: PostgresUsageStorageOptions);
    /** Makes the tables or brings them up to date. As often as you like, from as many processes as there are. */
    migrate(): Promise<void>;
    /** Once by id: the same again changes nothing, another usage under it rejects with `REQUEST_CONFLICT`. */
    saveUsageRecord(record: TokenUsageRecord): Promise<void>;
    /** All of them, by time. Reporters read in pages instead. */
    getUsageRecords(params: UsageFilter): Promise<TokenUsageRecord[]>;
    /** Deletes what is before an instant, in steps; answers how many records that were. */
    deleteOldRecords(olderThan: Date): Promise<number>;
}

/**
 * Records every usage once, by its id, and reports tokens and cost over any time.
 *
 * Methods that answer promises never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const reporter = new UsageReporter({ retentionDays: 365 }, './usage.db');
 * reporter.attach(tracker);
 * const { summary, costEstimate } = await reporter.getReport({
 *   startTime: new Date('2026-01-01'), endTime: new Date(), granularity: 'daily', groupBy: ['model'],
 * });
 * ```
 */
declare class UsageReporter extends TypedEmitter<UsageReporterEvents> {
    #private;
    /**
     * Throws `INVALID_CONFIG`, naming the field.
     *
     * @param storage The path of a ledger, or where the caller keeps records. Default: the memory of this process.
     * @param calculator What usage costs. Default: `getCostCalculator()`.
     */
    constructor(config?: UsageReporterOptions, storage?: UsageStorage | string | {
        path: string;
    }, calculator?: ReportCalculator);
    /**
     * Records a usage; it is durable when the promise resolves. The same id again with the same content counts once, with
     * other content it rejects with `REQUEST_CONFLICT`. Emits `usage-recorded`, and `anomaly-detected` for what it brings
     * to light.
     */
    recordUsage(usage: TokenUsageRecord): Promise<void>;
    /** Usage of a time: sums, groups, cost, and slots one after the other. */
    getReport(params: ReportParams): Promise<UsageReport>;
    /** What the usage of a time cost. */
    getCostEstimate(params: CostParams): Promise<ReportCostEstimate>;
    /**
     * What is unusual in the last 24 hours of an orchestrator: spikes, hours unlike the same hour of the weeks before, and
     * windows over the limits that `getBudgetStatus` was asked about.
     */
    detectAnomalies(orchestratorId: string): Promise<Anomaly[]>;
    /**
     * How much of `limit` the current window has used. Emits `budget-warning`, or `budget-exceeded` when it is critical or
     * exceeded.
     */
    getBudgetStatus(orchestratorId: string, period: BudgetPeriod, limit: number): Promise<BudgetStatus>;
    /**
     * Records every usage that `tracker` tells of (`usage:tracked`), once by its request id. What cannot be recorded is
     * told by `error`; what the calculator refuses is recorded without a price. Answers what ends it.
     */
    attach(tracker: TokenBudgetTracker): () => void;
    /** Records one after the other, by time, with what they cost. Memory stays flat however many there are. */
    listRecords(filter: UsageFilter): AsyncGenerator<StoredUsage, void, undefined>;
    /**
     * Records as text, in pieces of some hundred kilobytes.
     *
     * @example
     * ```ts
     * await pipeline(reporter.exportRecords({ format: 'csv', startTime, endTime }), createWriteStream('usage.csv'));
     * ```
     */
    exportRecords(options: ExportOptions): AsyncGenerator<string, void, undefined>;
    /** The same into a stream, which is ended; resolves when it has taken everything. */
    exportTo(stream: Writable, options: ExportOptions): Promise<void>;
    /** Deletes records older than `retentionDays` now; answers how many. While usage is recorded it happens by itself. */
    deleteOldRecords(): Promise<number>;
    /** Records what was accepted and lets go of the ledger. As often as you like; later calls are refused. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
    /** As published: removes the listeners. What was accepted is recorded still, in the background; see {@link close}. */
    shutdown(): void;
}

declare function makeSchema(): z.ZodObject<{
    enabled: z.ZodDefault<z.ZodBoolean>;
    persistToDatabase: z.ZodDefault<z.ZodBoolean>;
    retentionDays: z.ZodDefault<z.ZodNumber>;
    aggregationIntervals: z.ZodDefault<z.ZodArray<z.ZodEnum<["hourly", "daily", "weekly", "monthly"]>, "many">>;
    anomalyDetection: z.ZodDefault<z.ZodObject<{
        enabled: z.ZodDefault<z.ZodBoolean>;
        spikeThreshold: z.ZodDefault<z.ZodNumber>;
        windowSize: z.ZodDefault<z.ZodNumber>;
        minDataPoints: z.ZodDefault<z.ZodNumber>;
        budgetWarningThreshold: z.ZodDefault<z.ZodNumber>;
        budgetCriticalThreshold: z.ZodDefault<z.ZodNumber>;
    }, "strip", z.ZodTypeAny, {
        enabled: boolean;
        spikeThreshold: number;
        windowSize: number;
        minDataPoints: number;
        budgetWarningThreshold: number;
        budgetCriticalThreshold: number;
    }, {
        enabled?: boolean | undefined;
        spikeThreshold?: number | undefined;
        windowSize?: number | undefined;
        minDataPoints?: number | undefined;
        budgetWarningThreshold?: number | undefined;
        budgetCriticalThreshold?: number | undefined;
    }>>;
    defaultCurrency: z.ZodDefault<z.ZodEnum<["USD", "EUR", "GBP"]>>;
}, "strip", z.ZodTypeAny, {
    enabled: boolean;
    persistToDatabase: boolean;
    retentionDays: number;
    aggregationIntervals: ("hourly" | "daily" | "weekly" | "monthly")[];
    anomalyDetection: {
        enabled: boolean;
        spikeThreshold: number;
        windowSize: number;
        minDataPoints: number;
        budgetWarningThreshold: number;
        budgetCriticalThreshold: number;
    };
    defaultCurrency: "USD" | "EUR" | "GBP";
}, {
    enabled?: boolean | undefined;
    persistToDatabase?: boolean | undefined;
    retentionDays?: number | undefined;
    aggregationIntervals?: ("hourly" | "daily" | "weekly" | "monthly")[] | undefined;
    anomalyDetection?: {
        enabled?: boolean | undefined;
        spikeThreshold?: number | undefined;
        windowSize?: number | undefined;
        minDataPoints?: number | undefined;
        budgetWarningThreshold?: number | undefined;
        budgetCriticalThreshold?: number | undefined;
    } | undefined;
    defaultCurrency?: "USD" | "EUR" | "GBP" | undefined;
}>;
type Schema = ReturnType<typeof makeSchema>;
/**
 * Checks the configuration of a `UsageReporter` and fills it up with the defaults. A schema of zod 3, made when it is
 * first used.
 *
 * @example
 * ```ts
 * const { retentionDays } = UsageReporterConfigSchema.parse({}); // 90
 * ```
 */
declare const UsageReporterConfigSchema: Schema;

interface BackoffOptions {
    /** How often `fn` is called at most. Default 5. */
    maxRetries?: number;
    /** Default 2: waits of 1, 2, 4, 8 seconds. */
    base?: number;
    /** No wait is longer. Default 60. */
    capSeconds?: number;
    /** Whether up to a second is added, so that those who were refused together do not come back together. Default `true`. */
    jitter?: boolean;
    signal?: AbortSignal;
    /** What is worth another try. Default: a `RateLimitError`. */
    retryIf?: (error: unknown) => boolean;
    /** Waits. Default: a timer, however long. */
    sleep?: (durationMs: number, signal?: AbortSignal) => Promise<void>;
    /** From 0, below 1. Default `Math.random`. */
    random?: () => number;
    /** Milliseconds since the epoch, to compare `resetAt` with. Default `Date.now`. */
    now?: () => number;
}
/**
 * Calls `fn` again while it is limited, after `min(base ** attempt + random, capSeconds)` seconds; the last error
 * is thrown as it is. When the error tells a later reset (`RateLimitError.resetAt`), the wait lasts until then, but
 * never longer than the cap: a wrong reset keeps nobody for hours. For waits of any length there is
 * `waitForReset`.
 *
 * @example
 * ```ts
 * const repos = await withBackoff(() => client.fetchRepositories('octocat'), { maxRetries: 5 });
 * ```
 */
declare function withBackoff<T>(fn: (attempt: number) => Promise<T> | T, options?: BackoffOptions): Promise<T>;

/** What differs between providers: where they are, how a token is sent, which quotas there are. */
interface CredentialHeader {
    /** The name of the header. */
    name: string;
    /** What precedes the token in it, such as `Bearer `. Default: nothing. */
    prefix?: string;
}

/** One token as its owner gives it. */
interface TokenInput {
    token: string;
    /** Default: the manager's. */
    provider?: string;
    /**
     * Whose token it is: tokens of one user share one quota, they do not add up. Any name; default: an account of
     * its own for each token.
     */
    account?: string;
    /** Of tokens that are equally good the heavier one is taken. Default 1. */
    weight?: number;
}
/** How a {@link TokenManager} works. Durations are milliseconds. */
interface TokenManagerOptions extends StoreOptions {
    /** Of tokens that name none. Default `github`. */
    provider?: string;
    /** Managers of one name on one store share what they know. Default `default`. */
    name?: string;
    /** What is never taken of a quota: a number of requests, or a share of the limit. Default `{ share: 0.01 }`. */
    reserve?: number | {
        share: number;
    };
    /**
     * The first pause after a limit that names no time, or up to a tenth more; each further one doubles it, less up to
     * half. None is shorter, and after a secondary limit none is shorter than a minute. Default 60,000.
     */
    cooldown?: number;
    /** The longest of these pauses. Default 3,600,000. */
    maxCooldown?: number;
    /** A request that is not reported for so long has ended. Default 120,000. */
    requestTTL?: number;
    /** Whether calls wait for the earliest reset when every token is limited. Default `false`: they throw. */
    waitForReset?: boolean;
    /** Where the providers are, such as `{ github: 'https://github.example.com/api/v3' }`. */
    baseUrls?: Readonly<Record<string, string>>;
    /** How a token is sent, such as `{ gitlab: { name: 'authorization', prefix: 'Bearer ' } }`. */
    headers?: Readonly<Record<string, CredentialHeader>>;
    /**
     * Keeps the tokens in the store, encrypted with AES-256-GCM, so that other processes find them. 32 bytes, also
     * as hex or base64; any other string of at least 12 characters is a passphrase. Default: tokens never get there.
     */
    encryptionKey?: string | Uint8Array;
    /** Sends requests. Default: the global `fetch`. */
    fetch?: typeof fetch;
}

/**
 * A provider answered with an error. `status` is that of the response, `undefined` when there was none.
 *
 * @example
 * ```ts
 * try {
 *   await client.fetchRepositories('octocat');
 * } catch (error) {
 *   if (error instanceof ProviderError && error.status === 404) return [];
 *   throw error;
 * }
 * ```
 */
declare class ProviderError extends Error {
    readonly name: string;
    readonly code: 'PROVIDER_ERROR' | 'RATE_LIMITED' | 'UNAUTHORIZED';
    readonly provider: string;
    readonly status: number | undefined;
    /** `cause`: the error of a client that this one stands for. */
    constructor(message: string, provider: string, status?: number, options?: {
        cause?: unknown;
    });
}
/**
 * Every token is limited. Nothing was sent on a token that was known to be spent.
 *
 * @example
 * ```ts
 * try {
 *   await manager.withRotation('github', token => callGitHub(token));
 * } catch (error) {
 *   if (error instanceof RateLimitError) console.log(`again at ${error.resetAt?.toISOString()}`);
 *   else throw error;
 * }
 * ```
 */
declare class RateLimitError extends ProviderError {
    readonly name = "RateLimitError";
    readonly code = "RATE_LIMITED";
    /** When the first token can be used again, by the store's clock; `null` when nobody knows. */
    readonly resetAt: Date | null;
    /** The same in milliseconds since the epoch; 0 when nobody knows. */
    readonly resetAtMs: number;
    /**
     * `resetAt`: a Date, or milliseconds since the epoch; 0, `null` or nothing when it is not known. Throws
     * `INVALID_ARGUMENT` at `resetAt` for a number that can only be seconds. `cause`: what was thrown last.
     */
    constructor(message: string, provider: string, resetAt?: Date | number | null, options?: {
        cause?: unknown;
    });
}
/** The provider accepts none of the tokens (401). Waiting does not help. */
declare class AuthError extends ProviderError {
    readonly name = "AuthError";
    readonly code = "UNAUTHORIZED";
    readonly status = 401;
}

/** What `manager.fetch` takes beside what `fetch` takes. */
interface TokenFetchInit extends RequestInit {
    /** Default: the one whose base URL the address belongs to. */
    provider?: string;
    /** The quota that is asked for. Default: as the address tells for GitHub, else `core`. */
    resource?: string;
    /** Whether to wait for the earliest reset when every token is limited. Default: as the manager does. */
    waitForReset?: boolean;
}

/** What is left of one quota; `null` where the provider does not say. */
interface RateLimitInfo {
    limit: number | null;
    remaining: number | null;
    used: number | null;
    /** When the quota is whole again. */
    resetTime: Date | null;
}
/** What is left of a token. The fields of its own are those of `core`. */
interface TokenRateLimit extends RateLimitInfo {
    provider: string;
    account: string;
    fingerprint: string;
    /** Each quota by its name; GitHub tells all of them. */
    resources: Record<string, RateLimitInfo>;
    /** Bitbucket, which does not tell what is left, says at least whether it is little. */
    nearLimit?: boolean;
    /** `known`: the provider was not asked. It does not answer such a question, or must not be asked now. */
    source: 'provider' | 'known';
    error?: Error;
}
/**
 * Lines as they are printed for people:
 *
 * ```text
 * Token 1: 4999/5000 remaining
 *          Resets at: 2026-01-14T13:00:00.000Z
 * Token 2: Error - github does not accept this token
 * ```
 */
declare function formatRateLimits(limits: readonly TokenRateLimit[]): string[];

/**
 * A token for one request. It does not show its token: that is no own property, so that neither JSON nor
 * `console.log` nor `structuredClone` finds it.
 *
 * Tell how the request went with {@link TokenLease.settle}; otherwise it counts as under way for `requestTTL`.
 *
 * @example
 * ```ts
 * const lease = await manager.getNextAvailableToken('github', { resource: 'search' });
 * const response = await fetch(url, { headers: { authorization: `Bearer ${lease.token}` } });
 * await lease.settle(response);
 * ```
 */
declare class TokenLease {
    #private;
    readonly provider: string;
    readonly account: string;
    readonly fingerprint: string;
    readonly resource: string;
    /** Requests that may follow before the reserve is touched; `null` when nothing is known yet. */
    readonly remaining: number | null;
    /** When the quota is whole again; `null` when nothing is known yet. */
    readonly resetsAt: Date | null;
    private constructor();
    /** The token itself. */
    get token(): string;
    /**
     * The request was sent. `answer`: the response, its headers, or the error it failed with; what it says of
     * limits is learned. Returns whether the provider refused for its limits or did not accept the token. Called
     * again it counts no second request.
     */
    settle(answer?: unknown): Promise<'served' | 'limited' | 'unauthorized'>;
    /** The request was never sent: gives it back. Does nothing after `settle`. */
    cancel(): Promise<void>;
}

interface RotationOptions {
    /** The quota that is asked for, such as `search`. Default `core`. */
    resource?: string;
    signal?: AbortSignal;
    /** Whether to wait for the earliest reset when every token is limited. Default: as the manager does. */
    waitForReset?: boolean;
}
/** What a function gets beside the token. */
interface RotationContext {
    provider: string;
    resource: string;
    account: string;
    fingerprint: string;
    /** How often the function was called before. */
    attempt: number;
    signal: AbortSignal | undefined;
    /** For a result that is no response: where its headers, or the response, are handed over to learn from. */
    observe(answer: unknown): void;
}

/** What a provider said of one quota. */
interface RateLimitUpdate {
    /** Default: the lease's, or `core`. */
    resource?: string;
    limit?: number;
    remaining: number;
    /** When the quota is whole again: a Date, or seconds since the epoch as GitHub and GitLab send it. */
    reset: Date | number;
}

/** What is known of one quota of one token. */
interface TokenResource {
    resource: string;
    /** `null`: nobody told. */
    limit: number | null;
    /** What may still be asked for before the reset, the reserve included; `null` when nothing is known. */
    remaining: number | null;
    /** When the quota is whole again; `null` when nothing is known. */
    resetsAt: Date | null;
    /** When it is used again after a limit was hit; `null` when it does not rest. */
    pausedUntil: Date | null;
    /** Requests that were begun and not reported. */
    underWay: number;
}
/** A token as it can be shown: what it is stays hidden. */
declare class TokenView {
    #private;
    readonly provider: string;
    readonly account: string;
    /**
     * Stands for the token everywhere: the first 16 bytes, as hex, of the SHA-256 of
     * `token-budget:<provider>:<token>`.
     */
    readonly fingerprint: string;
    readonly weight: number;
    readonly isValid: boolean;
    readonly resources: readonly TokenResource[];
    private constructor();
    /** The token itself. Nothing else shows it. */
    reveal(): string;
}
/** A token, its fingerprint, or anything that has one. */
type TokenReference = string | {
    readonly fingerprint: string;
};

/** What is asked of one quota. */
interface ResourceOptions {
    /** Such as `core`, `search` or `graphql`. Default `core`. */
    resource?: string;
    signal?: AbortSignal;
}
/**
 * Many tokens as one: each request gets a token that is not spent, and stays on it until it is. What is known of
 * them lives in the store, so every process with the same `name` knows it. Tokens themselves never get there,
 * unless an `encryptionKey` is given.
 *
 * @example
 * ```ts
 * const manager = new TokenManager([process.env.GITHUB_TOKEN_1!, process.env.GITHUB_TOKEN_2!]);
 * const response = await manager.fetch('https://api.github.com/users/octocat/repos');
 * const issues = await manager.withRotation('github', token => listIssues(token));
 * ```
 */
declare class TokenManager extends TypedEmitter<StoreEvents> {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(tokens: ReadonlyArray<string | TokenInput>, options?: TokenManagerOptions);
    /**
     * A manager with the tokens that others keep in the store. It needs their `encryptionKey`; `providers` default
     * to `provider`.
     *
     * @example
     * ```ts
     * const manager = await TokenManager.open({
     *   redis: { url: process.env.REDIS_URL! },
     *   encryptionKey: process.env.TOKEN_KEY!,
     * });
     * ```
     */
    static open(options: TokenManagerOptions & {
        encryptionKey: string | Uint8Array;
        providers?: readonly string[];
    }): Promise<TokenManager>;
    /**
     * A token for one request; tell how it went with `lease.settle(response)` or `updateRateLimit(lease, ...)`.
     * Rejects with a `RateLimitError` when all are limited, with an `AuthError` when none is valid.
     */
    getNextAvailableToken(provider?: string, options?: ResourceOptions): Promise<TokenLease>;
    /**
     * Runs `fn` with a token and, when the provider refuses for its limits or does not accept the token, with the
     * next one, until each was tried once. What `fn` returns or throws is looked at: a response, or an error that
     * tells its status and headers; answers to a client that is made with the token are seen as well. Any other
     * error passes through.
     *
     * Rejects with `RateLimitError('All tokens have exceeded rate limits')` when none is left, and sends nothing
     * then; with `waitForReset` it waits for the earliest reset instead.
     *
     * @example
     * ```ts
     * const repos = await manager.withRotation('github', token =>
     *   new GitHubClient({ token }).fetchRepositories('octocat'),
     * );
     * ```
     */
    withRotation<T>(fn: (token: string, context: RotationContext) => Promise<T> | T, options?: RotationOptions): Promise<T>;
    withRotation<T>(provider: string, fn: (token: string, context: RotationContext) => Promise<T> | T, options?: RotationOptions): Promise<T>;
    /**
     * Like the global `fetch`, with a token of the provider whose base URL the address belongs to; a path alone is
     * taken below that of `init.provider`. Other addresses are refused, and a redirect to another host is followed
     * without the token. Refusals for limits and tokens that are not accepted never come back as a response:
     * see {@link TokenManager.withRotation}.
     *
     * A body that is a stream can be sent once: when another token has to be tried, the call rejects with
     * `INVALID_ARGUMENT` at `init.body`. It can be handed to an SDK that takes a `fetch`.
     */
    readonly fetch: (input: Parameters<typeof fetch>[0], init?: TokenFetchInit) => Promise<Response>;
    /**
     * What the provider says is left of a token, in any order: an older answer never raises what is left before
     * the reset. With a lease it also ends that request.
     *
     * @example
     * ```ts
     * await manager.updateRateLimit(lease, { limit: 5000, remaining: 4999, reset: 1768395600 });
     * ```
     */
    updateRateLimit(token: TokenReference, update: RateLimitUpdate): Promise<void>;
    /** The token is not used any more, as after a 401. */
    markInvalid(token: TokenReference): Promise<void>;
    /** Undoes {@link TokenManager.markInvalid}. */
    markValid(token: TokenReference): Promise<void>;
    /** What is known of each token; of every provider unless one is named. No view shows its token. */
    getAllTokens(provider?: string): Promise<TokenView[]>;
    /** How many tokens could be used now. */
    countAvailableTokens(provider?: string, options?: ResourceOptions): Promise<number>;
    /**
     * What is left of each token, as the provider says when it is asked; `formatRateLimits` prints it. A token that
     * rests is not asked for, and its answer is what is known (`source`). Errors are told per token.
     */
    checkRateLimits(provider?: string, options?: {
        signal?: AbortSignal;
    }): Promise<TokenRateLimit[]>;
    /** Adds a token; `false` when it was there. With an `encryptionKey` it is kept for the others, too. */
    addToken(token: string | TokenInput): Promise<boolean>;
    /** Forgets a token, in the store as well. What others hold stays theirs. */
    removeToken(token: TokenReference): Promise<void>;
    /** Adds the tokens that others keep in the store since; needs an `encryptionKey`. Returns how many were new. */
    loadTokens(provider?: string): Promise<number>;
    /** Resolves when the store is connected and, with an `encryptionKey`, keeps the tokens. */
    ready(options?: {
        timeout?: number;
        signal?: AbortSignal;
    }): Promise<void>;
    /**
     * Ends at once what waits, with `CLOSED`, and sends nothing from then on; gives the requests under way, leases
     * included, up to `timeout` (default 5,000 ms) to be answered and reported; then lets go of the store. A second
     * call returns the same promise; everything else rejects with `CLOSED`.
     */
    close(options?: {
        timeout?: number;
    }): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

/** A repository, as far as the three providers tell the same of it. */
interface Repository {
    provider: string;
    owner: string;
    name: string;
    /** With its owner, such as `octocat/hello-world`. */
    fullName: string;
    description: string | null;
    /** For people. */
    url: string | null;
    /** For git over HTTPS. */
    cloneUrl: string | null;
    defaultBranch: string | null;
    /** `null` where the provider does not tell it in lists (GitLab). */
    language: string | null;
    visibility: 'public' | 'private' | 'internal';
    isFork: boolean;
    /** `null` where the provider does not count (Bitbucket). */
    stars: number | null;
    forks: number | null;
    createdAt: Date | null;
    updatedAt: Date | null;
}

/** One token, or a manager that chooses. */
type ClientCredential = {
    token: string;
} | {
    manager: TokenManager;
};
interface ClientOptions {
    /** Where the provider is, such as `https://github.example.com/api/v3`. A manager knows it itself. */
    baseUrl?: string;
    /** Sends requests. Default: the global `fetch`. A manager has its own. */
    fetch?: typeof fetch;
}
interface CallOptions {
    signal?: AbortSignal;
}
/** What the clients have in common: a manager, perhaps of one token, that sends their requests. */
declare abstract class ProviderClient {
    #private;
    readonly provider: string;
    /** Throws `INVALID_CONFIG`, naming the field; no message quotes the token. */
    constructor(provider: string, credential: ClientCredential, options: ClientOptions, accept?: Readonly<Record<string, string>>);
    /**
     * What is left of the token as the provider says; with a manager: of the first token that is valid (see
     * `TokenManager.checkRateLimits` for all). A token that rests is not asked for: then it is what is known.
     */
    getRateLimit(options?: CallOptions): Promise<TokenRateLimit>;
}

/**
 * The read calls of Bitbucket. It tells the limit of an hour and whether little of it is left (`nearLimit`), but
 * neither what is left nor when it resets: those are `null`. Asking costs one request.
 *
 * @example
 * ```ts
 * const bitbucket = new BitbucketClient({ token: process.env.BITBUCKET_TOKEN! });
 * const { limit, nearLimit } = await bitbucket.getRateLimit();
 * ```
 */
declare class BitbucketClient extends ProviderClient {
    constructor(credential: ClientCredential, options?: ClientOptions);
    /** The repositories of a workspace, all pages. */
    fetchRepositories(owner: string, options?: CallOptions): Promise<Repository[]>;
}

/**
 * The read calls of GitHub.
 *
 * @example
 * ```ts
 * const github = new GitHubClient({ token: process.env.GITHUB_TOKEN! });
 * const repositories = await github.fetchRepositories('octocat');
 * const { remaining, limit, resetTime } = await github.getRateLimit();
 * ```
 */
declare class GitHubClient extends ProviderClient {
    constructor(credential: ClientCredential, options?: ClientOptions);
    /** The repositories of a user or an organisation, all pages. */
    fetchRepositories(owner: string, options?: CallOptions): Promise<Repository[]>;
}

/**
 * The read calls of GitLab. It has no call that tells limits: `getRateLimit` asks for the user, which costs one
 * request, and reads the headers, which an instance may leave out.
 *
 * @example
 * ```ts
 * const gitlab = new GitLabClient({ token }, { baseUrl: 'https://gitlab.example.com/api/v4' });
 * const projects = await gitlab.fetchRepositories('gitlab-org');
 * ```
 */
declare class GitLabClient extends ProviderClient {
    #private;
    constructor(credential: ClientCredential, options?: ClientOptions);
    /** The projects of a user or, when there is none of that name, of a group; all pages. */
    fetchRepositories(owner: string, options?: CallOptions): Promise<Repository[]>;
}

/** What the page asks of a `UsageReporter`: the published `getReport`, and a time series where there is one. */
interface DashboardReporter {
    getReport(params: any): Promise<object>;
}
/** What the page asks of a `BudgetAlertSystem`: alerts with their `createdAt`. */
interface DashboardAlerts {
    getAlertHistory(orchestratorId: string, limit?: number): Promise<readonly object[]>;
}
/**
 * How a dashboard is set up.
 *
 * @example
 * ```ts
 * const dashboard = createDashboard({ tracker });
 * const { url } = await dashboard.listen({ port: 7070 });
 * ```
 */
interface DashboardOptions {
    tracker: TokenBudgetTracker;
    /** Shows cost and tokens over time, and anomalies. */
    reporter?: DashboardReporter;
    /** Shows the latest alerts. */
    alerts?: DashboardAlerts;
    /**
     * Who is shown: names, or a function that knows them. Default: the latest 10,000 the tracker was asked about. At
     * most 500 are shown.
     */
    orchestrators?: readonly string[] | (() => readonly string[] | Promise<readonly string[]>);
    /** Must be told by whoever looks: `Authorization: Bearer <token>`, or once as `/?token=<token>`. 16 to 1,024 characters. */
    token?: string;
    /**
     * Names by which browsers may call this server, beside `localhost` and loopback addresses; any other `Host` is
     * refused, so that a foreign page cannot have its name point here. With a `token` every name is served.
     */
    allowedHosts?: readonly string[];
    /** How often changes by other processes are looked for while somebody watches, in milliseconds. Default 1,000. */
    refreshMs?: number;
    /** Put on every sample of `/metrics`. */
    labels?: Readonly<Record<string, string>>;
}
/** Where a dashboard listens. */
interface DashboardListenOptions {
    /** Default 0: any free port. */
    port?: number;
    /** Default `127.0.0.1`. Any but a loopback address needs a `token`. */
    host?: string;
}
/** The address of a dashboard. */
interface DashboardAddress {
    host: string;
    port: number;
    url: string;
}
/** A page, `/metrics`, `/api/...` and `/events` about one tracker. */
interface Dashboard {
    /** Starts a server of its own, which does not keep the process alive. Rejects when the port is taken. */
    listen(options?: DashboardListenOptions): Promise<DashboardAddress>;
    /** For any HTTP server of Node.js; paths are those behind where it is mounted. Never throws. */
    handler(request: IncomingMessage, response: ServerResponse): void;
    /** Ends the server and every stream, and stops listening to the tracker, which stays open. */
    close(): Promise<void>;
}

/**
 * A page about a tracker: windows with their thresholds, reservations, overrides, cost over time and anomalies,
 * kept up to date by server-sent events; `/metrics` for Prometheus; `/api/snapshot`, `/api/report` and
 * `/api/alerts` as JSON. It needs nothing from the internet, only reads, and serves loopback only, unless there is a
 * token. Throws `INVALID_CONFIG`, naming the field.
 *
 * @example
 * ```ts
 * const dashboard = createDashboard({ tracker });
 * const { url } = await dashboard.listen();
 * console.log(url);
 * await dashboard.close();
 * ```
 */
declare function createDashboard(options: DashboardOptions): Dashboard;

/** Whose words the headers and bodies are; `generic` when nobody's in particular. */
type Provider = 'openai' | 'anthropic' | 'azure' | 'gemini' | 'github' | 'gitlab' | 'bitbucket' | 'ietf' | 'generic';
/** `tokens`: input and output together. */
type SignalUnit = 'requests' | 'inputTokens' | 'outputTokens' | 'tokens';
/** What is left of one limit. All numbers are safe integers from 0 on. */
interface SignalReading {
    unit: SignalUnit;
    /** The whole, where it was told. */
    limit?: number;
    remaining: number;
    /** In how many milliseconds the limit is whole again; never 0. */
    resetInMs: number;
}
/** The provider refused for its limits. */
interface SignalHit {
    /**
     * `rate`: too fast, or overloaded; waiting helps. `quota`: nothing left of the day or of the money.
     * `secondary`: GitHub's second kind of limit, which rests the whole account.
     */
    kind: 'rate' | 'quota' | 'secondary';
    /** How long the provider asks to wait; absent when it does not say. */
    retryAfterMs?: number;
}
/** What one answer of a provider says about limits. */
interface ProviderSignals {
    /** Guessed when it was not told. */
    provider: Provider;
    /** At most one for each unit: of several limits on one unit, the one with the least left. */
    readings: SignalReading[];
    hit?: SignalHit;
    /** The part of the interface with a quota of its own (GitHub, Bitbucket), such as `core`. */
    resource?: string;
    /** Status 401. */
    isUnauthorized: boolean;
    /** Status 2xx or 3xx, or headers alone; and no hit. */
    isSuccess: boolean;
    status?: number;
    /** The hit is the trouble of the provider (5xx, overloaded), whoever asks: no limit of this caller. */
    isOverloaded?: boolean;
    /** Bitbucket: little is left. */
    nearLimit?: boolean;
    /** A limit that was told without what remains of it (Bitbucket: per hour). */
    limit?: number;
}

/**
 * What a provider says about limits, in a response, its headers, or the error that a client made of it.
 *
 * `source`: anything with `status` and `headers`, such as a `Response`; headers as `Headers`, object, `Map`
 * or pairs, names in any case; an error of OpenAI's, Anthropic's, Gemini's or GitHub's client, of the AI SDK
 * or of axios; a parsed body. Never throws: what cannot be read says nothing. Of a `Response` the body is
 * not read, for it can be read once only: give the error, or the parsed body, where it matters.
 *
 * Instants become durations by the `Date` of the response, for the clocks of two hosts differ; without one,
 * by `nowMs` (milliseconds since the epoch; default: this host's clock).
 *
 * @example
 * ```ts
 * const response = await fetch(url);
 * const { readings, hit } = readSignals(response, { provider: 'openai' });
 * // readings: [{ unit: 'requests', limit: 60, remaining: 59, resetInMs: 1000 }]
 * ```
 */
declare function readSignals(source: unknown, options?: {
    provider?: Provider;
    nowMs?: number;
}): ProviderSignals;

interface BatchOptions {
    /** So many items are sent at once, at the latest: 1 to 10,000. */
    maxSize: number;
    /** How long the first item waits for others, in milliseconds. */
    maxWaitMs: number;
}
/** Sends one item along with others. */
interface Batched<T, R> {
    (item: T): Promise<R>;
    /** Sends at once what waits. Resolves when every batch that is under way then has ended, however it did. */
    flush(): Promise<void>;
    /** Items that wait. */
    readonly size: number;
}

interface ResponseCacheOptions {
    /** The entry that was not used for longest makes room for a new one. */
    maxEntries: number;
    /** How long an entry is good for, in milliseconds; using it does not make that longer. */
    ttlMs: number;
    /** Milliseconds of a clock that never goes back. Default: the process's. */
    now?: () => number;
}
/**
 * Keeps answers for a while, by request. What it gives out is what was put in, not a copy.
 *
 * @example
 * ```ts
 * const cache = new ResponseCache<Answer>({ maxEntries: 1000, ttlMs: 60_000 });
 * const answer = await cache.wrap(requestKey(request), () => ask(request));
 * ```
 */
declare class ResponseCache<V> {
    #private;
    constructor(options: ResponseCacheOptions);
    /** Entries that are held; one that has expired counts until it is asked for or makes room. */
    get size(): number;
    get(key: string): V | undefined;
    set(key: string, value: V): void;
    /**
     * What is kept, or else the answer of `fn`, which is called once for all who ask while it is under way.
     * A failure is everybody's who waits for it, and is not kept.
     */
    wrap(key: string, fn: () => Promise<V>): Promise<V>;
    /** Forgets all; what is under way is answered, and not kept. */
    clear(): void;
}
/**
 * A key for a request: the same for equal data, whatever the order of its members, and another for anything
 * else. It is a hash, so that a cache does not hold what was asked.
 *
 * Plain data: objects, arrays, maps, sets, bytes, dates, numbers of both kinds, and what has `toJSON`. Members
 * that are `undefined` are as good as absent. Anything else is refused, for its inside could not be told apart.
 */
declare function requestKey(request: unknown): string;

/**
 * What may be used at most within any stretch of time of the given length. Each is optional; what is left out is
 * unlimited. Integers from 0 to 2^53-1; 0 allows nothing.
 */
interface RateLimits {
    /** Requests per second. */
    rps?: number;
    /** Requests per minute. */
    rpm?: number;
    /** Requests per hour. */
    rph?: number;
    /** Requests per day: any 24 hours. */
    rpd?: number;
    /** Input tokens per minute. */
    itpm?: number;
    /** Output tokens per minute. */
    otpm?: number;
    /** Input and output tokens together, per minute. */
    tpm?: number;
    /** Input and output tokens together, per day: any 24 hours. */
    tpd?: number;
    /** Requests under way at once. */
    concurrent?: number;
}
/** The name of one of the {@link RateLimits}. */
type RateLimitName = keyof RateLimits;
/** What is kept free, and for how long to stop when the provider refuses. */
interface RateLimitSafety {
    /** Share of every limit that only `critical` requests may use, from 0 to below 1. Default 0.15. */
    margin?: number;
    /**
     * Seconds without a request after the provider refused one and named no time, or up to a tenth more; doubled by
     * each further refusal, less up to half, never shorter than this. After GitHub's secondary limit without a time it
     * is a minute at least. `maxCooldown` bounds all of it. After them one request at a time tries, also where this is 0, and is waited for as long, at least a second.
     * Default 60.
     */
    cooldown?: number;
    /** Seconds that no pause exceeds, whoever asked for it. Default 3,600. */
    maxCooldown?: number;
}
/**
 * How a limiter is set up. Without `redis`, state lives in this process. Durations are milliseconds where their
 * name does not say otherwise.
 *
 * @example
 * ```ts
 * const limiter = new RateLimitManager({
 *   limits: { rpm: 50, itpm: 40_000, otpm: 8_000 },
 *   safety: { margin: 0.15, cooldown: 60 },
 *   redis: { url: 'redis://localhost:6379/0' },
 * });
 * ```
 */
interface RateLimitConfig extends StoreOptions {
    /** Limiters of one name in one store are one limiter. Name it after the key of the provider. Default `default`. */
    name?: string;
    /** Default `{ rpm: 50, itpm: 40_000, otpm: 8_000 }`. */
    limits?: RateLimits;
    safety?: RateLimitSafety;
    /**
     * Whether requests keep a distance of 60 / `rpm` seconds and a tenth: 1.32 s at 50 a minute. Default `true`.
     * `margin` is that tenth. Without `rpm` there is no distance to keep.
     */
    pacing?: boolean | {
        margin?: number;
    };
    /** How long a permit is held that nobody settles. Default 600,000 (10 minutes). */
    permitTTL?: number;
    /** A process that says nothing for so long is dead: its permits, places and shares return. Default 30,000. */
    clientLease?: number;
    /** Requests that may wait at once, of all processes together. Default 10,000. */
    maxWaiting?: number;
    /**
     * What `acquire` does while the store is away: `reject`, or `allow` with a permit that holds nothing. Nothing is
     * limited then, and what such permits used is counted nowhere. Default `reject`.
     */
    onStoreError?: 'reject' | 'allow';
    /**
     * Whether limits that OpenAI, Azure OpenAI or Anthropic tell with their responses replace those of a minute, for every
     * process. Default `false`.
     */
    adoptLimits?: boolean;
    /** Share of answers that the learned estimate of output tokens covers, from 0.5 to below 1. Default 0.95. */
    outputQuantile?: number;
}
/** `critical` comes first and may use what is held back; `low` waits as if it had come a minute later. */
type RequestPriority = 'critical' | 'normal' | 'low';
/** What a request will use, as well as it is known before. */
interface RequestEstimate {
    /** Default: a sixtieth of `itpm`. */
    inputTokens?: number;
    /** The most it may answer with. Default: what `model` answered so far, else a sixtieth of `otpm`. */
    maxOutputTokens?: number;
    /** Learns what it answers with, for requests that name no `maxOutputTokens`. */
    model?: string;
    /** Default `normal`. */
    priority?: RequestPriority;
    /** Whose share is used, see {@link RateLimitManager.allocate}. */
    agent?: string;
}
interface AcquireOptions extends RequestEstimate {
    /** Counts usage per session, see {@link RateLimitManager.getSessions}. */
    sessionId?: string;
    /** Gives up the place in the line. */
    signal?: AbortSignal;
    /** Stays no longer in the line; rejects with `RATE_LIMITED` then. 0 takes what there is at once. */
    maxWaitMs?: number;
}
/** Why a request has to wait or can never be made. */
type WaitReason = RateLimitName | 'pacing' | 'provider' | 'cooldown' | 'probe' | 'line' | 'share';
/** Whether a request could be made. Nothing was consumed. */
interface RequestVerdict {
    /** `verdict` is `now`. */
    allowed: boolean;
    verdict: 'now' | 'wait' | 'never';
    /** How long it would wait, as far as is known; `Infinity` for never, 0 when it depends on others. */
    waitMs: number;
    reason: WaitReason | null;
    /** With `never`: the most that could be asked for. */
    limit: number | null;
}
/** What a request really used. */
interface RequestUsage {
    inputTokens: number;
    outputTokens: number;
    /**
     * Anything the provider answered with: a `Response`, its headers, or the error its SDK threw. A success ends the
     * backoff after a refusal, whatever its headers say; headers alone, even none (`{}`), are a success, and so is a
     * settle that gives none of the three.
     */
    headers?: unknown;
    response?: unknown;
    error?: unknown;
    /** How long the provider took. Default: the time since the permit was granted. */
    responseTimeMs?: number;
}
interface PermitSettlement {
    /** What the permit was granted for. */
    estimated: {
        inputTokens: number;
        outputTokens: number;
    };
    used: {
        inputTokens: number;
        outputTokens: number;
    };
    /** The permit had expired before. */
    late: boolean;
    /** Whether the store knew the permit: it forgets one an hour after its end. */
    known: boolean;
}
/** What happens to a limiter, with the arguments of its listeners. */
interface RateLimitEvents extends StoreEvents {
    /** The provider refused a request for its limits; nothing is admitted meanwhile. */
    'limit:hit': [
        event: {
            kind: 'rate' | 'quota' | 'secondary';
            retryAfterMs: number | null;
            provider: string;
        }
    ];
    /** A request waits in the line. */
    'limit:waiting': [event: {
        waitMs: number;
        ahead: number;
    }];
    /** A limit is used to 80 % or more; once until it falls below. */
    'limit:approaching': [event: {
        limit: RateLimitName;
        used: number;
        of: number;
    }];
    /** The limits in force changed. */
    'limits:changed': [limits: RateLimits];
}
/** How far one limit is used. */
interface LimitStatus {
    limit: number;
    /** What requests may use that are not critical. */
    ordinary: number;
    used: number;
    /** `max(0, ordinary - used)`. */
    remaining: number;
    windowMs: number | null;
}
/** What the provider told last about one of its quotas. */
interface ProviderQuota {
    limit: number | null;
    remaining: number;
    resetsAt: Date;
}
interface RateLimitStatus {
    limits: Partial<Record<RateLimitName, LimitStatus>>;
    provider: Partial<Record<'requests' | 'inputTokens' | 'outputTokens' | 'tokens', ProviderQuota>>;
    /** Requests with a permit. */
    underWay: number;
    waiting: number;
    /** Nothing is admitted before. */
    pausedUntil: Date | null;
    /**
     * What the last refusal was for, as long as it has effects: too fast, or nothing left of the day or of the money.
     * `null` as well when somebody paused by hand.
     */
    pausedBy: 'rate' | 'quota' | null;
    /** Refusals of the provider since it last served a request. */
    hits: number;
    agents: Array<{
        agent: string;
        share: number;
        waiting: number;
        requests: number;
    }>;
}
/** What is to be expected if requests go on as they did. */
interface RateLimitForecast {
    limits: Partial<Record<RateLimitName, {
        perMinute: number;
        exhaustedInMs: number | null;
    }>>;
    /** The limit that is used up first. */
    scarcest: RateLimitName | null;
    /** The pause between requests that uses the scarcest limit evenly. */
    recommendedPauseMs: number;
}
interface RateLimitSession {
    sessionId: string;
    requests: number;
    inputTokens: number;
    outputTokens: number;
    errors: number;
    startedAt: Date;
    lastActiveAt: Date;
    /** The session waits until then. */
    coolsDownUntil: Date | null;
}
/** What `saveState` gives and `restoreState` takes: plain JSON. */
interface RateLimitState {
    version: 1;
    name: string;
    savedAt: string;
    limiter: unknown;
    sessions: unknown[];
    learned: Array<[name: string, count: number]>;
}

interface TokensByDirection {
    input: number;
    output: number;
}
interface SecondsHistogram {
    /** How many took at most `atMost` seconds, shorter ones included. */
    buckets: Array<{
        atMost: number;
        count: number;
    }>;
    sumSeconds: number;
    count: number;
}
/** What happened at a limiter, in this process, since it was made. */
interface LimiterMetricsSnapshot {
    requests: {
        admitted: number;
        /** Those that were not admitted at once, but had a place in the line. */
        waited: number;
        settled: number;
        cancelled: number;
        /** By reason. */
        refused: Record<string, number>;
    };
    /** Admitted in the last minute. */
    requestsPerMinute: number;
    tokens: {
        estimated: TokensByDirection;
        used: TokensByDirection;
    };
    /** Refusals by the provider, by kind. */
    hits: Record<string, number>;
    /** By status; `none` when there was no answer. */
    errors: Record<string, number>;
    waits: SecondsHistogram;
    responses: SecondsHistogram;
}

/** Ends permits; the manager that granted them. */
interface PermitIssuer {
    idOf(number: number): string;
    /** Throws what is wrong with `usage`. */
    settlePermit(permit: Permit, number: number, usage: RequestUsage): PermitSettlement | Promise<PermitSettlement>;
    cancelPermit(permit: Permit): Promise<boolean>;
}
/** What a permit is made of. */
interface PermitDetails {
    /** Its id is made of it. */
    number: number;
    admittedAtMs: number;
    expiresAtMs: number;
    waitedMs: number;
    inputTokens: number;
    outputTokens: number;
    model: string | undefined;
    sessionId: string | undefined;
    isUnheld: boolean;
    grantedAtMs: number;
}
/**
 * Leave to make one request. End it with {@link Permit.settle} when the request was made, with
 * {@link Permit.cancel} when it was not; what `await using` finds not ended stays counted as estimated. A permit that nobody ends
 * expires after `permitTTL`, or when its process dies: what it took stays counted until it leaves its windows, for
 * its request may have been made.
 */
declare class Permit {
    #private;
    /** How long the request waited in the line. */
    readonly waitedMs: number;
    readonly inputTokens: number;
    /** The output tokens that were set aside. */
    readonly outputTokens: number;
    readonly model: string | undefined;
    readonly sessionId: string | undefined;
    /** The store was away, and `onStoreError` is `allow`: nothing is held. */
    readonly isUnheld: boolean;
    /** By this process's clock. */
    readonly grantedAtMs: number;
    /** Permits are made by {@link RateLimitManager.acquire}. */
    constructor(issuer: PermitIssuer, details: PermitDetails);
    /** Unique; another process can end the permit by it. */
    get id(): string;
    /** By the store's clock. */
    get admittedAt(): Date;
    get expiresAt(): Date;
    /** What `JSON.stringify` shows. */
    toJSON(): Record<string, unknown>;
    /** Whether it was settled or cancelled. */
    get isEnded(): boolean;
    /**
     * The request was made. What it really used takes the place of the estimate; `headers`, `response` or `error`
     * tell what the provider says about its limits.
     *
     * Rejects with `PERMIT_NOT_FOUND` when it was ended here before; `known` is `false` when it was ended elsewhere.
     */
    settle(usage: RequestUsage): Promise<PermitSettlement>;
    /** The request was not made: everything it took is given back. `false`: the store did not know the permit. */
    cancel(): Promise<boolean>;
    /** For `await using`: what was not ended stays counted as estimated, for its request may have been made. */
    [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Paces requests to a provider so that none of its limits is exceeded, for every process of a fleet at once.
 *
 * In no stretch of 60 seconds (a day, ...) is more admitted than a limit allows. Several limits are taken together
 * or not at all; a refusal consumes nothing. First come, first served within a priority. Methods that return a promise
 * never throw: what is wrong with their arguments rejects with a `TokenBudgetError`.
 *
 * @example
 * ```ts
 * const limiter = new RateLimitManager({ limits: { rpm: 50, itpm: 40_000, otpm: 8_000 } });
 * const permit = await limiter.acquire({ inputTokens: 1200, maxOutputTokens: 500 });
 * const response = await callModel();
 * await permit.settle({
 *   inputTokens: response.usage.input_tokens,
 *   outputTokens: response.usage.output_tokens,
 *   headers: response.headers,
 * });
 * ```
 */
declare class RateLimitManager extends TypedEmitter<RateLimitEvents> {
    #private;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(config?: RateLimitConfig);
    /** Whether a request could be made now. Consumes nothing: use `acquire` to be sure. */
    canMakeRequest(estimate?: RequestEstimate): Promise<RequestVerdict>;
    /**
     * Waits for its turn and holds the estimate. Rejects with `NEVER_FITS` when the request is larger than a limit,
     * with `RATE_LIMITED` after `maxWaitMs`, with `LINE_FULL`, or with the reason of `signal`; nothing is held then.
     */
    acquire(options?: AcquireOptions): Promise<Permit>;
    /** A permit when there is one at once, else the verdict. */
    tryAcquire(options?: RequestEstimate & {
        sessionId?: string;
    }): Promise<{
        permit: Permit;
        verdict: null;
    } | {
        permit: null;
        verdict: RequestVerdict;
    }>;
    /**
     * Runs `fn` with a permit: settles it with the usage that `fn` returns, and when `fn` throws, with what the error
     * says about limits; the estimate stays counted then, for the request may have been made.
     */
    run<T>(options: AcquireOptions, fn: (permit: Permit) => Promise<{
        result: T;
        usage: RequestUsage;
    }>): Promise<T>;
    /** Settles a permit of another process by its id. */
    settle(permitId: string, usage: RequestUsage): Promise<PermitSettlement>;
    /** Cancels a permit of another process by its id. `false`: the store does not know it. */
    cancel(permitId: string): Promise<boolean>;
    /**
     * Learns from anything a provider answered with: a `Response`, headers, or the error its SDK threw. `permit`, or
     * `sentAt`, tells when the request left; without it the answer can only lower what is known to be left.
     */
    observe(source: unknown, options?: {
        provider?: Provider;
        permit?: Permit;
        sentAt?: Date;
    }): Promise<ProviderSignals>;
    /** The limits in force. */
    getLimits(): Promise<RateLimits>;
    /** Replaces the limits for every process at once, as a whole; `null` returns to the configured ones. */
    setLimits(limits: RateLimits | null): Promise<void>;
    /**
     * Gives an agent a share of every limit, from 0 to 1; all shares together are at most 1. What an agent leaves
     * idle the others may use, in proportion to their shares. The share ends with the process that gave it; a
     * process that was only not heard of for `clientLease` gives it again by itself, and `store:warning` names what did
     * not fit any more. `false`: there is not so much left to give.
     */
    allocate(agent: string, share: number): Promise<boolean>;
    /** Everything one agent has becomes another's: its share, what it used, its places in the line. */
    handoff(from: string, to: string): Promise<boolean>;
    /** Admits nothing for so many milliseconds, in every process. Default: the configured cooldown. */
    pause(forMs?: number): Promise<void>;
    /** Ends every pause, and the backoff after refusals. */
    resume(): Promise<void>;
    /** How far every limit is used, what the provider told, who waits. */
    getStatus(): Promise<RateLimitStatus>;
    /** When limits are used up if requests go on as they did, and the pace that avoids it. */
    forecast(): Promise<RateLimitForecast>;
    /** What this process expects `model` to answer with: `undefined` until it answered often enough. */
    estimateOutputTokens(model: string, maxOutputTokens?: number): Promise<number | undefined>;
    /** Combines small requests: `fn` gets up to `maxSize` items at once, at the latest after `maxWaitMs`. */
    batch<T, R>(fn: (items: T[]) => Promise<readonly R[]>, options: BatchOptions): Batched<T, R>;
    /** What each session of this process used. */
    getSessions(): RateLimitSession[];
    /** Forgets a session and tells what it used. */
    endSession(sessionId: string): RateLimitSession | undefined;
    /** Requests of the session wait for so many milliseconds. Default: the configured cooldown. */
    coolDownSession(sessionId: string, forMs?: number): void;
    /** Everything worth keeping, as JSON: for a store in memory that shall outlive its process. */
    saveState(): Promise<RateLimitState>;
    /**
     * Takes up what `saveState` gave: checks it, leaves out what has expired, adds the rest. Counted is what is known
     * here or there, whichever is more. Rejects with `INVALID_ARGUMENT` when it is no such state; nothing changes then.
     */
    restoreState(state: RateLimitState): Promise<void>;
    /** What happened in this process since it began. */
    metrics(): LimiterMetricsSnapshot;
    /** The same as Prometheus text. */
    prometheus(): string;
    /** Whether the store answers. Never rejects; `false` after `close`. */
    healthCheck(): Promise<boolean>;
    /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
    ready(options?: ReadyOptions): Promise<void>;
    /** Who waits is sent home with `CLOSED`; reports are delivered. A second call returns the same promise. */
    close(options?: CloseOptions): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

interface PrometheusOptions {
    /** What every name begins with. Default `token_budget_rate_limit`. */
    prefix?: string;
    /** Put on every sample, such as `{ key: 'team-a' }`. */
    labels?: Readonly<Record<string, string>>;
}

/**
 * A long text in chunks of at most `maxTokens`, by {@link estimateTokens}: cut between paragraphs where that is
 * enough, else between lines, sentences, words, and only then within a word. Put together again the chunks are the
 * text.
 *
 * Throws `INVALID_ARGUMENT`, naming the field.
 *
 * @example
 * ```ts
 * for (const chunk of splitByTokens(report, 2000, 'gpt-4o')) await summarise(chunk);
 * ```
 */
declare function splitByTokens(text: string, maxTokens: number, model: string): string[];

/** What `estimateTokens` answers. */
interface TokenEstimate {
    /** 0 only for an empty text. */
    tokens: number;
    /** `'tiktoken'`: cut by a published dictionary. `'approximation'`: by what the text consists of. */
    method: 'tiktoken' | 'approximation';
    /**
     * `false` only where the provider publishes the dictionary that was used and says that it is this model's. Always
     * `true` for Claude and Gemini.
     */
    isEstimate: boolean;
    /** The dictionary, where one was used. */
    encoding?: 'o200k_base' | 'cl100k_base';
}
/**
 * How many tokens `text` has for `model`, without asking anybody. Only the text is counted: what providers add for
 * messages, roles, tools and images comes on top. A lone surrogate counts as the U+FFFD a provider gets for it.
 *
 * An addon built with the feature `token-counting` counts OpenAI's models exactly. Everything else is approximated by
 * the family of the model, on average 6 to 8 % off; `docs/token-counting.md` says how far for which text. An
 * unknown model is counted as Claude 3, which has more tokens than most.
 *
 * Throws a `TokenBudgetError` with `INVALID_ARGUMENT` for a text that is none or has more than 67,108,864 UTF-16 code
 * units, and for a model that is none or has more than 256 bytes.
 *
 * @example
 * ```ts
 * const { tokens } = estimateTokens('How many tokens is this?', 'claude-sonnet-4-5');
 * const permit = await manager.acquire({ inputTokens: tokens, maxOutputTokens: 500 });
 * ```
 */
declare function estimateTokens(text: string, model: string): TokenEstimate;

/** The part of `@opentelemetry/api` that is used, so that types do not need the package. */
type MetricAttributes = Record<string, string | number | boolean>;
interface MetricOptions {
    description?: string;
    unit?: string;
    advice?: {
        explicitBucketBoundaries?: number[];
    };
}
interface MetricHistogram {
    record(value: number, attributes?: MetricAttributes): void;
}
interface MetricCounter {
    add(value: number, attributes?: MetricAttributes): void;
}
/** A `Meter` of `@opentelemetry/api`. */
interface TelemetryMeter {
    createHistogram(name: string, options?: MetricOptions): MetricHistogram;
    createCounter(name: string, options?: MetricOptions): MetricCounter;
    createObservableGauge(name: string, options?: MetricOptions): any;
    addBatchObservableCallback(callback: (result: any) => void | Promise<void>, instruments: any[]): void;
    removeBatchObservableCallback(callback: (result: any) => void | Promise<void>, instruments: any[]): void;
}

/** How {@link instrumentTracker} reports. */
interface InstrumentOptions {
    /** Default: the meter of the global provider of `@opentelemetry/api`, which has to be installed then. */
    meter?: TelemetryMeter;
    /** `gen_ai.operation.name`. Default `chat`. */
    operationName?: string;
    /** `gen_ai.provider.name`: always this, or of each usage. Default: guessed from the model's name. */
    providerName?: string | ((usage: TokenUsage) => string);
    /** Whether the orchestrator is an attribute of every metric: as many series as there are orchestrators. Default `true`. */
    orchestrators?: boolean;
    /** Put on everything. */
    attributes?: MetricAttributes;
}
/**
 * Reports what a tracker does to OpenTelemetry, under the names of the semantic conventions for generative AI where
 * they have one (`gen_ai.client.token.usage`, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, which
 * are in development), else under `token_budget.`. Answers a function that ends it. Throws `INVALID_CONFIG`, naming
 * the field.
 *
 * @example
 * ```ts
 * const stop = instrumentTracker(tracker, { providerName: 'aws.bedrock' });
 * ```
 */
declare function instrumentTracker(tracker: TokenBudgetTracker, options?: InstrumentOptions): () => void;

type BreakerStateName = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** What circuit breakers are made of, and what they tell. */

type CircuitState = BreakerStateName;
/** Opens by the share of calls that failed lately. */
interface SamplingOptions {
    /** The share of failures that opens it: above 0, at most 1. */
    ratio: number;
    /** Calls in the window below which it stays closed. Default 10. */
    minimum?: number;
    /** How far back calls count: milliseconds or text such as `'30s'`; at most a day. Default `'60s'`. */
    window?: number | string;
}
/** As `events.on_expire` of a timer. */
interface OnExpireInput {
    webhook?: string;
    message?: string;
    data?: unknown;
}
/** The timer that is made when a breaker opens: where its webhook goes, or all that happens when it fires. */
type ResetSchedule = {
    webhook: string;
} | {
    on_expire: OnExpireInput;
};
/** Where a breaker's coordinator comes from: `createTokenCoordinator`. */
interface BreakerCoordinator {
    readonly timers: object;
}
/**
 * How a {@link CircuitBreaker} works. Durations are milliseconds or text such as `'30s'`, `'5m'`, `'1h30m'`.
 *
 * Without `redis`, `memory` and `coordinator` the state lives in this object alone.
 */
interface CircuitBreakerOptions extends StoreOptions {
    /** Failures in a row that open it, no success between them. Default 5. */
    threshold?: number;
    /** `'consecutive'` (default), or by the share of failures. */
    mode?: 'consecutive' | {
        sampling: SamplingOptions;
    };
    /** How long it stays open when the provider does not say when it will be back. Default `'5m'`. */
    resetAfter?: number | string;
    /** The longest it stays open, whatever a provider says. Default `'1h'`, or `resetAfter` where that is longer. */
    maxResetAfter?: number | string;
    /** Each failed probe in a row multiplies `resetAfter` by it; 1 to 1,000. Default 1. */
    growth?: number;
    /** Successful probes in a row that close it. Default 1. */
    successesToClose?: number;
    /** A probe that says nothing for so long makes room for another. Default `'1m'`. */
    probeTimeout?: number | string;
    /**
     * What counts as a failure. It is given what `execute` was thrown, or what it was answered (`kind`). Default: every
     * error but aborts and the caller's own 4xx (408, 425, 429 and refusals for limits are the service's), and answers
     * that are such responses.
     */
    isFailure?: (errorOrResult: unknown, kind: 'error' | 'result') => boolean;
    /** Told of every change this process hears of, as the events are. */
    onStateChange?: (state: CircuitState, previous: CircuitState, event: CircuitChangeEvent) => void;
    /**
     * When it opens, one process makes the timer `Circuit Breaker Reset: <service>` for when a probe may be made; with
     * `coordinator` only.
     */
    schedule?: ResetSchedule;
    /** Its store and its timers; all processes whose coordinators share them share the breaker. */
    coordinator?: BreakerCoordinator;
}
/** The state of a breaker has changed, wherever it was decided. */
interface CircuitChangeEvent {
    service: string;
    state: CircuitState;
    previous: CircuitState;
    /** Failures that led here. */
    failures: number;
    /** Open: when a probe may be made; `undefined` when only {@link CircuitBreaker.reset} ends it. */
    retryAt: Date | undefined;
}
interface CircuitBreakerEvents extends StoreEvents {
    open: [event: CircuitChangeEvent];
    halfOpen: [event: CircuitChangeEvent];
    close: [event: CircuitChangeEvent];
    /** A call was not made. */
    rejected: [event: {
        service: string;
        retryAt: Date | undefined;
    }];
    /** A call ended well. */
    success: [event: {
        service: string;
        isProbe: boolean;
    }];
    /** A call failed: `error` is what was thrown, or the answer that counts as a failure. */
    failure: [event: {
        service: string;
        isProbe: boolean;
        error: unknown;
    }];
}
/** What `execute` gives to the function. */
interface CallContext {
    /** Of the options of `execute`; `undefined` without. */
    readonly signal: AbortSignal | undefined;
    /** Whether the call finds out if the service is back. */
    readonly isProbe: boolean;
}
/** What {@link CircuitBreaker.export} returns: plain JSON. Instants are milliseconds since the epoch. */
interface CircuitBreakerSnapshot {
    version: 1;
    service: string;
    state: CircuitState;
    failures: number;
    /** Of the window (sampling), or of probes in a row. */
    successes: number;
    /** How often in a row it opened without closing. */
    openings: number;
    /** 0: never. */
    openedAtMs: number;
    /** `null`: until it is reset by hand; 0 when it is closed. */
    openUntilMs: number | null;
}

type Call<T> = (context: CallContext) => PromiseLike<T> | T;
/**
 * Stops calling a service that fails. After `threshold` failures in a row it is OPEN and refuses calls at once, until
 * the provider said it will be back, or for `resetAfter`; then one call of all processes, the probe, finds out: it
 * closes the breaker, or opens it anew. On Redis all processes share one state, by the name of the service.
 *
 * Calls while it is closed cost no round trip; only failures are told, and successes that end them. While the store is
 * away each process goes on by itself, and nothing of the store is ever thrown by {@link CircuitBreaker.execute}.
 *
 * @example
 * ```ts
 * const breaker = new CircuitBreaker('openai', { threshold: 5, resetAfter: '5m' });
 * const answer = await breaker.execute(() => callOpenAI());
 * ```
 */
declare class CircuitBreaker extends TypedEmitter<CircuitBreakerEvents> {
    #private;
    readonly service: string;
    /** Failures in a row that open it; with sampling the share of failures. */
    readonly threshold: number;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(service: string, options?: CircuitBreakerOptions);
    /** As this process knows it. A breaker whose time is over is `OPEN` until somebody probes. */
    get state(): CircuitState;
    /** Failures in a row (with sampling: of the window) of all processes, as far as this one knows. */
    get failures(): number;
    /** When a call is worth a try; `undefined` when it is closed, or open until it is reset by hand. */
    get retryAt(): Date | undefined;
    /** Resolves when this process knows how the breaker stands in the store, or that the store is away. */
    ready(): Promise<void>;
    /**
     * Calls `fn`, unless the breaker is open: then it rejects with a {@link CircuitOpenError} at once. What `fn` returns
     * or throws comes through as it is. `options.signal` is handed on to `fn`; a call that it ends tells nothing.
     */
    execute<T>(fn: Call<T>, options?: {
        signal?: AbortSignal;
    }): Promise<T>;
    /**
     * For calls that are made elsewhere: whether one may be made now. After `true` say how it went with
     * {@link CircuitBreaker.onSuccess} or {@link CircuitBreaker.onFailure}: it may be the probe. What is said next is said
     * of it, so for calls that overlap {@link CircuitBreaker.execute} is better.
     */
    allow(): Promise<boolean>;
    /**
     * A call failed that was made elsewhere. `error`: what it failed with, which may tell when the service will be back.
     * Resolves when the store knows.
     */
    onFailure(error?: unknown): Promise<void>;
    /** A call ended well that was made elsewhere. Resolves when the store knows, where it needs to. */
    onSuccess(): Promise<void>;
    /** Opens it for `duration`, or for `resetAfter`. Rejects when the store is away. */
    trip(duration?: number | string): Promise<void>;
    /** Opens it until {@link CircuitBreaker.reset}. Rejects when the store is away. */
    isolate(): Promise<void>;
    /** Closes it and forgets its failures. Rejects when the store is away. */
    reset(): Promise<void>;
    /** What is known of it, as plain JSON for {@link CircuitBreaker.restore}. */
    export(): Promise<CircuitBreakerSnapshot>;
    /**
     * Takes over what {@link CircuitBreaker.export} returned, for all processes. What is over by now has ended, and it
     * stays open for `maxResetAfter` from now at most. Rejects when the store is away.
     */
    restore(snapshot: CircuitBreakerSnapshot): Promise<void>;
    /**
     * Lets go of its store. Calls under way end as they would and tell nothing any more; everything else rejects with
     * `CLOSED`. The state stays as it is, for the other processes.
     */
    close(): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The call was not made, for the service is failing.
 *
 * @example
 * ```ts
 * try {
 *   await breaker.execute(() => callOpenAI());
 * } catch (error) {
 *   if (error instanceof CircuitOpenError) return cachedAnswer(error.retryAt);
 *   throw error;
 * }
 * ```
 */
declare class CircuitOpenError extends TokenBudgetError {
    readonly name = "CircuitOpenError";
    readonly service: string;
    /** When it is worth another try; `undefined`: not before the breaker is reset by hand. */
    readonly retryAt: Date | undefined;
    constructor(service: string, retryAt: Date | undefined);
}

/** What is handed to the function that is tried. */
interface RetryContext {
    /** From 1 on. */
    attempt: number;
    /** Aborted when the caller aborts, and when the time of the attempt or of all of them is over. */
    signal: AbortSignal;
}
interface RetryEvent {
    /** The attempt that failed, from 1 on. */
    attempt: number;
    /** How long is waited before the next one. */
    waitMs: number;
    /** What it has thrown; or absent, and `result` is what it returned. */
    error?: unknown;
    result?: unknown;
}
/**
 * How waits differ, so that those who failed together do not come back together. With d = `base · factor^(n - 1)`, at
 * most `cap`, before attempt n + 1: `full` waits 0 to d, `equal` d/2 to d, `none` d; `decorrelated` waits `base` to three
 * times the last wait, at most `cap`.
 */
type RetryJitter = 'full' | 'equal' | 'decorrelated' | 'none';
/** In any ten seconds, of all calls of one policy: at most `ratio · calls + 10 · minPerSecond` retries. */
interface RetryBudgetOptions {
    /** Retries per call, 0 to 1000. Default 0.1. */
    ratio?: number;
    /** For programs that call rarely, 0 to 1,000,000. Default 10. */
    minPerSecond?: number;
}
/** How often, when and what is tried again. Durations are milliseconds or text such as `'30s'`. */
interface RetryOptions {
    /** Attempts in all, 1 to 1,000, or `Infinity`. Default 5. */
    maxAttempts?: number;
    /** Default `'1s'`. */
    base?: number | string;
    /** 1 to 100. Default 2: waits of 1, 2, 4, 8 seconds. */
    factor?: number;
    /** No wait of our own choosing is longer. At least `base`. Default `'30s'`, or `base` where that is longer. */
    cap?: number | string;
    /** Default `full`. */
    jitter?: RetryJitter;
    /**
     * A service that asks to wait (`Retry-After`, a reset) is not asked before that. When it asks for longer than this, it
     * is given up at once; `timers.fromRateLimit` waits for hours. Default `'5m'`.
     */
    maxRetryAfter?: number | string;
    /** Of one attempt, which then fails with a `TimeoutError`, even if the function ignores its signal. */
    timeout?: number | string;
    /** Of all attempts and waits together. A wait that would not end within it is not begun. */
    maxElapsed?: number | string;
    /** Ends attempts and waits at once, with its reason. */
    signal?: AbortSignal;
    /**
     * Which errors are worth another attempt. Default: connections that failed, time-outs, 408, 425, 429 and 5xx of any
     * client, refusals for limits, open circuit breakers; never aborts, and never refusals for quotas or money.
     */
    shouldRetry?: (error: unknown, attempt: number) => boolean | Promise<boolean>;
    /**
     * Which results are. Default: responses (something with `status` and `headers`) with 408, 425, 429 or 5xx, and those
     * that refuse for limits otherwise, such as GitHub's 403.
     */
    shouldRetryResult?: (result: unknown, attempt: number) => boolean | Promise<boolean>;
    /** Told before each wait. What it throws is ignored. */
    onRetry?: (event: RetryEvent) => void;
}
interface RetryPolicyOptions extends Omit<RetryOptions, 'signal'> {
    /** Keeps a service that fails from being buried under retries. `false`: none. Default: with its defaults. */
    budget?: RetryBudgetOptions | false;
}

type Tried<T> = (context: RetryContext) => T | PromiseLike<T>;
/**
 * Calls `fn` until it succeeds, with growing waits. What is returned or thrown at last comes through as it is: also a
 * response that tells of a failure. Waits for what the service asks for, when it does. A wait keeps the process alive.
 *
 * Rejects with the reason of `signal` as soon as it is aborted, and with a `TimeoutError` when `maxElapsed` is over
 * during an attempt; its `cause` is then what the attempt before had thrown. Throws `INVALID_ARGUMENT`, naming the field.
 *
 * @example
 * ```ts
 * const response = await retry(({ signal }) => fetch(url, { signal }), { maxAttempts: 4, timeout: '10s' });
 * ```
 */
declare function retry<T>(fn: Tried<T>, options?: RetryOptions): Promise<T>;
/** Retries of many calls to one service: they share a budget. Made by {@link retryPolicy}. */
declare class RetryPolicy {
    #private;
    constructor(options?: RetryPolicyOptions);
    /**
     * As {@link retry}. When the budget is spent, what was thrown becomes the `cause` of an error with the code
     * `RETRIES_EXHAUSTED`, at once; a response is returned.
     */
    execute<T>(fn: Tried<T>, options?: {
        signal?: AbortSignal;
    }): Promise<T>;
}
/**
 * Retries for all calls to one service. Make it once, not per call: the budget is its.
 *
 * @example
 * ```ts
 * const toGitHub = retryPolicy({ maxAttempts: 4, cap: '20s', budget: { ratio: 0.2 } });
 * const response = await toGitHub.execute(({ signal }) => fetch(url, { signal }), { signal: request.signal });
 * ```
 */
declare function retryPolicy(options?: RetryPolicyOptions): RetryPolicy;

/** What timers are made of, and what they tell. */

/** What happens when a timer fires, besides the event `timer:expired`. */
interface OnExpire {
    /** Where a POST with JSON goes: `http:` or `https:`, at most 2,048 bytes. */
    webhook?: string;
    /** Comes with the event and the webhook. At most 4,096 bytes. */
    message?: string;
    /** Anything that JSON can hold, at most 64 KiB of it. Comes with the event and the webhook. */
    data?: unknown;
}
interface TimerActions {
    on_expire?: OnExpire;
}
/** What is done about occurrences that were due while nobody ran. */
type CatchUp = 'once' | 'all' | 'none';
type TimerStatus = 'scheduled' | 'fired' | 'cancelled';
/**
 * A timer to be made. It needs one of `duration`, `fireAt`, `every` and `cron`.
 *
 * @example
 * ```ts
 * await minoots.timers.create({
 *   name: 'GitHub API Reset',
 *   duration: '15m',
 *   events: { on_expire: { webhook: 'https://your-app.com/resume-github-ops' } },
 * });
 * ```
 */
interface TimerInput {
    /**
     * Makes creation idempotent: the same timer is created once, however often it is asked for, while it is
     * remembered; another one of this id rejects with `REQUEST_CONFLICT`. 1 to 256 bytes. Default: a UUID.
     */
    id?: string;
    /** 1 to 256 bytes. */
    name: string;
    /**
     * Milliseconds from 0 on, or text such as `'20ms'`, `'30s'`, `'5m'`, `'6m0s'`, `'1h30m'`, `'2d'`, `'1w'`; counted
     * by the store's clock from when it hears of the timer.
     */
    duration?: number | string;
    /** A Date, milliseconds since the epoch, or ISO 8601 text with a zone. In the past: at once. */
    fireAt?: Date | number | string;
    /** Recurs after so long, as `duration`; at least 1 ms. The first time after one period, or as told beside it. */
    every?: number | string;
    /** Recurs by a cron pattern of five fields, or of six with seconds first. */
    cron?: string;
    /** IANA name of the zone of `cron`. Default: the coordinator's `defaultTimeZone`. */
    timeZone?: string;
    /**
     * Of a recurring timer: `once` (default) fires once for all that was missed, `all` for each, `none` for what is
     * less than a minute late only.
     */
    catchUp?: CatchUp;
    /** Whose it is, for `list`. At most 256 bytes. Default: the coordinator's `owner`. */
    owner?: string;
    /** Kept with the timer and returned with it; an object, at most 64 KiB of JSON. */
    metadata?: Record<string, unknown>;
    /** Whether `timer:expired` is told in every process instead of the one that fires it. Default `false`. */
    broadcast?: boolean;
    events?: TimerActions;
}
/** What is changed of a scheduled timer; what is left out stays. */
interface TimerChange {
    name?: string;
    owner?: string;
    /** From now on. */
    duration?: number | string;
    fireAt?: Date | number | string;
    /** `null`: it fires once more. Without `duration` or `fireAt` the next time is one period from now. */
    every?: number | string | null;
    cron?: string | null;
    timeZone?: string;
    catchUp?: CatchUp;
    metadata?: Record<string, unknown>;
    broadcast?: boolean;
    events?: TimerActions;
}
/** A timer as the store knew it when it was asked. Instants are the store's. */
interface Timer {
    id: string;
    name: string;
    /** Empty: nobody's. */
    owner: string;
    status: TimerStatus;
    /** When the period began that ends at `endTime`. */
    startTime: Date;
    /** When it is due, or was. */
    endTime: Date;
    /** Milliseconds from `startTime` to `endTime`. */
    duration: number;
    /** Milliseconds until it is due; 0 when it is or has ended. */
    timeRemaining: number;
    /** From 0 to 1. */
    progress: number;
    createdAt: Date;
    /** When it fired for the last time or was cancelled. */
    endedAt?: Date;
    /** How often it has fired, or was given another time while it was about to. */
    occurrence: number;
    /** Milliseconds. */
    every?: number;
    cron?: string;
    timeZone?: string;
    catchUp?: CatchUp;
    metadata: Record<string, unknown>;
    broadcast: boolean;
    events: TimerActions;
}
/** A timer that fired. What is told twice has the same `deliveryId`. */
interface TimerExpiredEvent {
    id: string;
    name: string;
    /** Empty: nobody's. */
    owner: string;
    message?: string;
    data?: unknown;
    metadata: Record<string, unknown>;
    /** Of this occurrence: the same in every event, webhook and repetition of it. */
    deliveryId: string;
    scheduledFor: Date;
    firedAt: Date;
    /** 1 for the first time; a timer that was given another time while it was told of goes on counting. */
    occurrence: number;
    /** Later occurrences that were missed and that this one stands for, counted up to 1,000. */
    missed: number;
}
/** A webhook on its way, or one that was given up. */
interface TimerDelivery {
    id: string;
    timerId: string;
    timerName: string;
    webhook: string;
    /** How often it was tried. */
    attempts: number;
    createdAt: Date;
    nextAttemptAt: Date;
    /** Why the last attempt failed; empty when none did. */
    error: string;
    isDead: boolean;
    /** Whether nothing is sent to its address any more. */
    isDisabled: boolean;
    /** What is sent. */
    body: Record<string, unknown>;
}
interface TimerDeliveryEvent {
    deliveryId: string;
    timerId: string;
    timerName: string;
    webhook: string;
    /** How often it was tried, this time included. */
    attempts: number;
    /** Of the answer, where there was one. */
    status?: number;
}
interface TimerDeliveryFailedEvent extends TimerDeliveryEvent {
    error: string;
    /** When it is tried next; absent when it is given up. */
    retryAt?: Date;
}
/** Which timers `list` looks for. */
interface TimerFilter {
    status?: TimerStatus;
    name?: string;
    owner?: string;
    /** 1 to 1,000. Default 100. */
    limit?: number;
    /** Where the page before ended. */
    cursor?: string;
    signal?: AbortSignal;
}
/** A part of a list; it is the last one without a `cursor`. A page can be shorter than asked for, even empty. */
interface TimerPage {
    timers: Timer[];
    cursor?: string;
}
/** Every event of a coordinator, with the arguments of its listeners. */
interface CoordinatorEvents extends StoreEvents {
    /**
     * A timer has fired. It counts as fired when all listeners have returned and what they returned has settled, after
     * five minutes at the latest; one that throws is told by `error`, and the timer has fired all the same.
     */
    'timer:expired': [event: TimerExpiredEvent];
    /** A webhook has arrived. */
    'timer:delivered': [event: TimerDeliveryEvent];
    /** It has not; it is tried again when there is a `retryAt`. */
    'timer:delivery-failed': [event: TimerDeliveryFailedEvent];
    /** A webhook was given up; see `timers.deadLetters()`. */
    'timer:dead': [event: TimerDeliveryFailedEvent];
    /** An address answered 410: nothing is sent to it any more; see `timers.enableEndpoint(webhook)`. */
    'endpoint:disabled': [event: {
        webhook: string;
    }];
}

/** What the patterns have in common. */

/** What every pattern takes. */
interface PatternOptions {
    /** What happens when the timer fires, besides the event. */
    on_expire?: OnExpire;
    /** The name of the timer. */
    name?: string;
    owner?: string;
    metadata?: Record<string, unknown>;
    broadcast?: boolean;
    signal?: AbortSignal;
}

interface BudgetResetOptions extends PatternOptions {
    /** The fraction of the budget from which on the timer is made. Default 0.8. */
    at?: number;
    /** Whose midnight. Default: the coordinator's `defaultTimeZone`. */
    timeZone?: string;
}

interface DailyResetOptions extends PatternOptions {
    /** Tokens used today. */
    used?: number;
    /** Instead of `used`: the `usage` of a provider's answer, such as `{ total_tokens }`. */
    usage?: object;
    /** Tokens of a day. */
    dailyLimit: number;
    /** Below so many tokens the timer is made. Default 10,000. */
    floor?: number;
    /** Whose limit it is; a part of the id. Default: one for all that have the same `on_expire`. */
    service?: string;
    /** Whose midnight. Default: the coordinator's `defaultTimeZone`. */
    timeZone?: string;
}

interface RateLimitTimerOptions extends Omit<PatternOptions, 'on_expire'> {
    /** Whose answer it is. Default: guessed. */
    provider?: Provider;
    /**
     * Whose limit it is, where several accounts meet several limits. Default: one for all that have the same `on_expire`.
     */
    scope?: string;
    /** How long to wait after a refusal that tells no time. Default 60,000 ms. */
    defaultWait?: number | string;
}

/** A daily span of local time, such as `{ from: '02:00', to: '08:00' }`; past midnight when it ends before it begins. */
interface OffPeakWindow {
    from: string;
    /** Not in it any more; `24:00` is the end of the day. */
    to: string;
    /** On which days it begins, 0 is Sunday. Default: the `days` of the options. */
    days?: readonly number[];
}
interface OffPeakOptions<O, R> extends PatternOptions {
    /** Default `'02:00-08:00'`. */
    windows?: string | OffPeakWindow | ReadonlyArray<string | OffPeakWindow>;
    /** Default: every day. */
    days?: readonly number[];
    /** Default: the coordinator's `defaultTimeZone`. */
    timeZone?: string;
    /** Runs the operation when it is to run now. Without it a timer that is due at once stands for that. */
    execute?(operation: O): R;
    /** The operation runs now, whatever the time, when `level` is below this. */
    emergencyFloor?: number;
    /** What is compared with `emergencyFloor`: how much there is of what the operation brings. */
    level?: number | (() => number | Promise<number>);
    /** The same by a function of your own. */
    runAnywayWhen?(operation: O): boolean | Promise<boolean>;
    /** Tells apart operations that look the same. Default: what JSON has of the operation. */
    id?: string;
}
/** What became of an operation. */
type OffPeakOutcome<R> = {
    executed: true;
    result: Awaited<R>;
    timer?: never;
} | {
    executed: false;
    result?: never;
    timer: Timer;
};

interface RetryTimerOptions extends PatternOptions {
    /** Default 5. */
    maxAttempts?: number;
    /** The first delay; each further one is twice as long. Default 1,000 ms. */
    base?: number | string;
    /** The longest delay. Default 30,000 ms. */
    cap?: number | string;
    /** Comes with the event and the webhook. Default `{ attempt: attempt + 1 }`. */
    data?: unknown;
    /** What is tried again: one timer for each attempt of it. Default: a timer for each call. */
    id?: string;
}

/** What can end a call before its answer comes. */
interface TimerCallOptions {
    signal?: AbortSignal;
}
/** How many are wanted. */
interface TimerListOptions extends TimerCallOptions {
    /** 1 to 10,000. Default 1,000. */
    limit?: number;
}
/**
 * Timers that outlive their process: `coordinator.timers`.
 *
 * @example
 * ```ts
 * const timer = await minoots.timers.create({ name: 'Resume', duration: '5m' });
 * console.log(timer.endTime, timer.timeRemaining);
 * await minoots.timers.waitFor(timer.id);
 * ```
 */
declare class TimerService {
    #private;
    private constructor();
    /**
     * Makes a timer. With an `id` it is made once, however often and by however many processes it is asked for; the
     * answer is that one timer, which may have fired since. Another timer under a known id rejects with
     * `REQUEST_CONFLICT`.
     */
    create(timer: TimerInput, options?: TimerCallOptions): Promise<Timer>;
    /** `undefined`: there is none, or it has ended longer ago than `keepFinished`. */
    get(id: string, options?: TimerCallOptions): Promise<Timer | undefined>;
    /** Timers by id, in parts. */
    list(filter?: TimerFilter): Promise<TimerPage>;
    /** Every timer that matches, page by page. */
    listAll(filter?: Omit<TimerFilter, 'cursor'>): AsyncGenerator<Timer, void, undefined>;
    /**
     * Ends a scheduled timer; `false` when there is none. One that fires at this moment does what is due all the same.
     */
    cancel(id: string, options?: TimerCallOptions): Promise<boolean>;
    /** Changes a scheduled timer. Rejects with `TIMER_NOT_FOUND` when there is none, or it has ended. */
    update(id: string, change: TimerChange, options?: TimerCallOptions): Promise<Timer>;
    /**
     * Resolves with the timer when it fires next, at once when it has fired for the last time. Rejects with
     * `TIMER_NOT_FOUND` or `TIMER_CANCELLED`, or with the reason of `signal`. Keeps the process alive, and waits while
     * the store is away.
     */
    waitFor(id: string, options?: TimerCallOptions): Promise<Timer>;
    /** Webhooks that were given up. */
    deadLetters(options?: TimerListOptions): Promise<TimerDelivery[]>;
    /** Webhooks under way. */
    deliveries(options?: TimerListOptions): Promise<TimerDelivery[]>;
    /** Sends a webhook that was given up anew, at once, with its id; `false` when there is none. */
    redeliver(deliveryId: string, options?: TimerCallOptions): Promise<boolean>;
    /** Forgets a webhook that was given up; `false` when there is none. */
    discard(deliveryId: string, options?: TimerCallOptions): Promise<boolean>;
    /** The addresses that answered 410, and that nothing is sent to. */
    endpoints(options?: TimerCallOptions): Promise<string[]>;
    /** Webhooks go to this address again; `false` when they did. Those given up meanwhile stay so: `redeliver` them. */
    enableEndpoint(webhook: string, options?: TimerCallOptions): Promise<boolean>;
    /**
     * A timer for when a provider lets requests through again, from its response, headers or error; `undefined` when it
     * refused none. Processes that hear of one reset make one timer. Of a `Response` that refuses, a copy of the body is
     * read, up to 64 KiB in 2 s, unless it was read before.
     *
     * @example
     * ```ts
     * const response = await fetch('https://api.github.com/user/repos');
     * await minoots.timers.fromRateLimit(response, { webhook: 'https://your-app.com/resume-github-ops' });
     * ```
     */
    fromRateLimit(source: unknown, on_expire?: OnExpire, options?: RateLimitTimerOptions): Promise<Timer | undefined>;
    /** A timer for the next midnight when less than `floor` (10,000) tokens of the day are left; `undefined` before. */
    dailyReset(options: DailyResetOptions): Promise<Timer | undefined>;
    /**
     * A timer for the next attempt, after 1 s, 2 s, 4 s and so on, at most 30 s. `attempt`: how many there were, from 0
     * on; rejects with `Max retry attempts exceeded` (`RETRIES_EXHAUSTED`) from `maxAttempts` (5) on.
     */
    retry(attempt: number, options?: RetryTimerOptions): Promise<Timer>;
    /**
     * A timer for the next midnight when 80 % (`at`) of a daily budget is used; `undefined` before. See also
     * `coordinator.watchBudgets`, which needs no call.
     */
    budgetReset(service: string, tokensUsed: number, dailyBudget: number, options?: BudgetResetOptions): Promise<Timer | undefined>;
    /**
     * Runs an operation (`execute`) when it is off-peak now, 02:00 to 08:00 unless told otherwise, or when it cannot wait
     * (`emergencyFloor`, `runAnywayWhen`); else makes a timer for the next opening that brings the operation as `data`.
     *
     * @example
     * ```ts
     * await minoots.timers.offPeak(operation, {
     *   execute: executeOperation,
     *   on_expire: { webhook: 'https://your-app.com/execute-off-peak' },
     * });
     * ```
     */
    offPeak<O, R = never>(operation: O, options?: OffPeakOptions<O, R>): Promise<OffPeakOutcome<R>>;
}

/** How a {@link TokenCoordinator} works. Everything is optional; without `redis`, state lives in this process. */
interface CoordinatorOptions extends StoreOptions {
    /** Whether this process fires timers and sends webhooks. Default `true`. */
    run?: boolean;
    /** Whose the timers are that name no `owner`. Default: nobody's. */
    owner?: string;
    /**
     * IANA name of the zone of local times: cron patterns, midnights, off-peak windows. Default: that of the host.
     * Processes that share a store should share it.
     */
    defaultTimeZone?: string;
    /**
     * Parts that the timers are divided into, 1 to 64; all processes must name the same number. Default 1, with a
     * cluster 8.
     */
    shards?: number;
    /** How long timers are remembered that have fired or were cancelled: milliseconds, or `'1d'`. Default a day. */
    keepFinished?: number | string;
    /** How long webhooks are kept that were given up. Default `'30d'`. */
    keepDead?: number | string;
    /** Webhooks this process sends at once, 1 to 1,000, a quarter of them to one host. Default 64. */
    concurrency?: number;
    /** How webhooks are signed, sent and repeated. */
    webhooks?: WebhookOptions;
}

/** A budget of which so much is used that its reset is awaited. */
interface BudgetAlmostUsed {
    orchestratorId: string;
    period: BudgetPeriod;
    /** Of tokens; `Infinity` when only money is limited. */
    limit: number;
    /** Tokens used in the window. */
    totalUsed: number;
    /** The money of the window, where there is any. */
    cost?: CostStats;
    /** When the window ends, and the budget is whole again. */
    resetsAt: Date;
}
interface WatchBudgetsOptions {
    /** The fraction of the budget from which on the timer is made. Default 0.8. */
    at?: number;
    /** Budgets that are watched. Default `['daily']`. */
    periods?: readonly BudgetPeriod[];
    /** What happens at the reset. `data` defaults to `{ newBudget }` in tokens, `newCostBudget` where money is limited. */
    on_expire?: OnExpire | ((budget: BudgetAlmostUsed) => OnExpire);
}

/**
 * Durable timers and circuit breakers, for every process that shares a store.
 *
 * Without listeners and webhooks a timer can still be waited for. An open coordinator never keeps the process alive.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({ redis: { url: 'redis://localhost:6379' } });
 * minoots.on('timer:expired', ({ name, data }) => console.log(name, data));
 * await minoots.timers.create({ name: 'Resume', duration: '5m', events: { on_expire: { data: { job: 7 } } } });
 * ```
 */
declare class TokenCoordinator extends TypedEmitter<CoordinatorEvents> {
    #private;
    readonly timers: TimerService;
    /** Throws `INVALID_CONFIG`, naming the field. Connecting happens in the background. */
    constructor(options?: CoordinatorOptions);
    /**
     * A circuit breaker whose state all processes share. Asked again, without options or with equal ones, it is the same
     * object; with other options it throws `REQUEST_CONFLICT` until that one is closed. Functions are equal when they are
     * the same.
     *
     * @example
     * ```ts
     * const breaker = minoots.circuitBreaker('openai', { threshold: 5, resetAfter: '5m' });
     * const answer = await breaker.execute(() => callOpenAI());
     * ```
     */
    circuitBreaker(service: string, options?: Omit<CircuitBreakerOptions, 'coordinator'>): CircuitBreaker;
    /**
     * Makes a timer for the end of the day (or hour, or month) as soon as 80 % of a budget of a tracker is used, for
     * each orchestrator, once in all processes. Returns what ends it. The usage is read when this tracker has recorded some
     * or tells of the threshold, at once for the orchestrators it knows, and every 30 s for what other processes use.
     *
     * @example
     * ```ts
     * minoots.watchBudgets(tracker, { on_expire: { webhook: 'https://your-app.com/reset-budget' } });
     * ```
     */
    watchBudgets(tracker: TokenBudgetTracker, options?: WatchBudgetsOptions): () => void;
    /** Resolves when the store is connected. Nothing needs to wait for it: operations do so themselves. */
    ready(options?: ReadyOptions): Promise<void>;
    /** Whether the store answers. Never rejects; `false` after `close`. */
    healthCheck(): Promise<boolean>;
    /**
     * Fires nothing more, ends what waits with `CLOSED`, gives listeners and webhooks under way up to `timeout` (default
     * 5,000 ms), returns what is left to the other processes and lets go of the store. A second call returns the same
     * promise; everything else rejects with `CLOSED`.
     */
    close(options?: CloseOptions): Promise<void>;
    /** For `await using`. */
    [Symbol.asyncDispose](): Promise<void>;
}
/**
 * Opens a coordinator: durable timers, webhooks and circuit breakers.
 *
 * @example
 * ```ts
 * const minoots = createTokenCoordinator({ redis: { url: process.env.REDIS_URL! } });
 * ```
 */
declare function createTokenCoordinator(options?: CoordinatorOptions): TokenCoordinator;

export { AlertChannel, AlertLevel, AuthError, BitbucketClient, BudgetAlertSystem, CircuitBreaker, CircuitOpenError, CostCalculator, GitHubClient, GitLabClient, Permit, PostgresUsageStorage, ProviderError, RateLimitError, RateLimitManager, ResponseCache, RetryPolicy, TimerService, TokenBudgetError, TokenBudgetTracker, TokenCoordinator, TokenLease, TokenManager, TokenView, UsageReporter, UsageReporterConfigSchema, WebhookVerificationError, attachBudget, createDashboard, createTokenCoordinator, estimateTokens, formatRateLimits, getCostCalculator, instrumentTracker, readSignals, requestKey, retry, retryPolicy, splitByTokens, verifyWebhook, withBackoff };
export type { AcquireOptions, Alert, AlertAcknowledgment, AlertConfig, AlertCosts, AlertDeliveryResult, AlertErrorContext, AlertEscalation, AlertHistoryFilter, RateLimitConfig$1 as AlertRateLimitConfig, AlertStats, AlertStore, AlertSystemOptions, AlertUsage, AlertingTracker, Anomaly, AnomalyDetectionConfig, AnomalySearch, AttachBudgetOptions, AttachOptions, BackoffOptions, BatchOptions, Batched, BreakerCoordinator, BudgetAlmostUsed, BudgetCheck, BudgetConfig, BudgetDeniedEvent, BudgetInForce, BudgetKeys, BudgetOverride, BudgetPeriod, BudgetPrices, BudgetResetOptions, BudgetStatus, BudgetStatusExtended, BudgetThreshold, BudgetThresholdEvent, CallContext, CallCost, CallOptions, CatchUp, ChannelConfig, CheckOptions, CircuitBreakerEvents, CircuitBreakerOptions, CircuitBreakerSnapshot, CircuitChangeEvent, CircuitState, ClientCredential, ClientOptions, CloseOptions, CoordinatorEvents, CoordinatorOptions, CostBreakdown, CostCalculatorOptions, CostCheck, CostEstimate, CostOfOptions, CostOptions, CostParams, CostParts, CostProjection, CostSettlement, CostStats, CredentialHeader, Currency, CurrencyCode, DaemonSession, DaemonSessionMetrics, DailyResetOptions, Dashboard, DashboardAddress, DashboardAlerts, DashboardListenOptions, DashboardOptions, DashboardReporter, DetachBudget, EmailConfig, EmailPayload, ExportOptions, HistoryOptions, InAppConfig, InAppEvent, InAppOptions, InAppPayload, InstrumentOptions, LimitStatus, LimiterMetricsSnapshot, ListReservationsOptions, LongContextPrices, MeteredUsage, MetricAttributes, MetricCounter, MetricHistogram, MetricOptions, ModelPricing, Money, OffPeakOptions, OffPeakOutcome, OffPeakWindow, OnExpire, OnExpireInput, OrchestratorPause, PatternOptions, PauseOptions, PeriodWindow, PermitSettlement, PostgresUsageStorageOptions, PriceSource, PriceSourceOptions, PricedTokens, PricedUsage, PrometheusOptions, Provider, ProviderQuota, ProviderSignals, RateLimitConfig, RateLimitEvents, RateLimitForecast, RateLimitInfo, RateLimitName, RateLimitSafety, RateLimitSession, RateLimitState, RateLimitStatus, RateLimitTimerOptions, RateLimitUpdate, RateLimits, ReadyOptions, RedisNode, RedisOptions, RedisTlsOptions, ReportCostEstimate, ReportGranularity, ReportGroup, ReportParams, Repository, RequestEstimate, RequestPriority, RequestUsage, RequestVerdict, ReservationResult, ReservationSettlement, ReserveOptions, ResetSchedule, ResourceOptions, ResponseCacheOptions, RetryBudgetOptions, RetryContext, RetryEvent, RetryJitter, RetryOptions, RetryPolicyOptions, RetryTimerOptions, RotationContext, RotationOptions, SMSConfig, SMSPayload, SamplingOptions, SecondsHistogram, SendSms, SessionDaemon, SessionEmitter, SessionTracker, SlackConfig, SlackPayload, SmsGatewayConfig, SmtpConfig, StorageOptions, StoreEvents, StoreOptions, StoredAlert, StoredOverride, StoredUsage, TelemetryMeter, Timer, TimerActions, TimerCallOptions, TimerChange, TimerDelivery, TimerDeliveryEvent, TimerDeliveryFailedEvent, TimerExpiredEvent, TimerFilter, TimerInput, TimerListOptions, TimerPage, TimerStatus, TokenBudget, TokenBudgetErrorCode, TokenEstimate, TokenFetchInit, TokenInput, TokenManagerOptions, TokenParts, TokenRateLimit, TokenReference, TokenReservation, TokenResource, TokenUsage, TokenUsageRecord, TrackerEventName, TrackerEvents, TrackerListener, TwilioConfig, UnknownModelPolicy, UnpricedUsage, UsageAttribution, UsageBreakdown, UsageCost, UsageDataPoint, UsageFilter, UsageRecord, UsageReport, UsageReporterConfig, UsageReporterEvents, UsageReporterOptions, UsageSlot, UsageStatistics, UsageStats, UsageStorage, UsageSummary, VerifiedWebhook, VerifyWebhookOptions, WaitReason, WatchBudgetsOptions, WebhookConfig, WebhookLookup, WebhookOptions, WebhookPayload, WebhookSecrets };
