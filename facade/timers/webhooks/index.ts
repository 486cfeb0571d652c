export type { WebhookLookup } from './lookup';
export type { WebhookOptions, WebhookSecrets } from './options';
export { retryInMs } from './schedule';
export { WebhookSender } from './sender';
export {
  type VerifiedWebhook,
  type VerifyWebhookOptions,
  verifyWebhook,
  WebhookVerificationError,
} from './verify';
