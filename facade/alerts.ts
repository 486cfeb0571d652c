/** The entry `@wundr.io/token-budget/alerts`. */
export type { AlertCosts, AlertingTracker, AttachOptions } from './alerts/attach';
export { AlertChannel, AlertLevel } from './alerts/levels';
export type { AlertErrorContext, AlertSystemOptions, InAppOptions } from './alerts/options';
export type { AlertStore, StoredAlert } from './alerts/store';
export type { InAppEvent } from './alerts/stream/feed';
export { BudgetAlertSystem } from './alerts/system';
export type {
  Alert,
  AlertAcknowledgment,
  AlertConfig,
  AlertDeliveryResult,
  AlertEscalation,
  AlertHistoryFilter,
  AlertStats,
  AlertUsage,
  AlertUsage as UsageStats,
  BudgetThreshold,
  ChannelConfig,
  EmailConfig,
  EmailPayload,
  InAppConfig,
  InAppPayload,
  RateLimitConfig,
  RateLimitConfig as AlertRateLimitConfig,
  SendSms,
  SlackConfig,
  SlackPayload,
  SMSConfig,
  SMSPayload,
  SmsGatewayConfig,
  SmtpConfig,
  TwilioConfig,
  WebhookConfig,
  WebhookPayload,
} from './alerts/types';
export { TokenBudgetError, type TokenBudgetErrorCode } from './errors';
