/** What users of webhooks see. */
export type { WebhookLookup } from './lookup';
export type { WebhookOptions, WebhookSecrets } from './options';
export {
  type VerifiedWebhook,
  type VerifyWebhookOptions,
  verifyWebhook,
  WebhookVerificationError,
} from './verify';
