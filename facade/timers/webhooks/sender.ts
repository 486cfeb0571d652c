/** Sends one webhook, once: where to, how it is signed, and what the answer means. */
import type { SendResult } from '../outgoing';
import { GuardedRequests, userAgent } from './guarded';
import { readOptions, type WebhookOptions, type WebhookSettings } from './options';
import type { SigningKey } from './secrets';
import { headerId, signatures } from './sign';

export interface WebhookMessage {
  /** The same at each attempt. */
  id: string;
  url: string;
  /** JSON. */
  body: string;
  /** From 1 on. */
  attempt: number;
}

/**
 * Posts webhooks to public addresses, signed as Standard Webhooks has it. See {@link GuardedRequests}.
 */
export class WebhookSender {
  readonly #settings: WebhookSettings;
  readonly #now: () => number;
  readonly #requests: GuardedRequests;

  /** `now`: milliseconds since the epoch, for the timestamp. Throws `INVALID_CONFIG`, naming the field below `at`. */
  constructor(options: WebhookOptions, now: () => number, at = '') {
    this.#settings = readOptions(options, at);
    this.#now = now;
    this.#requests = new GuardedRequests(this.#settings, now);
  }

  /**
   * How one attempt went. Rejects with the reason of `signal`, and with `CLOSED`; everything else is a result, whose
   * `error` has no words but ours.
   */
  async send({ id, url, body }: WebhookMessage, signal?: AbortSignal): Promise<SendResult> {
    const headers = async (target: string) =>
      signedHeaders(await this.#settings.keysFor(target), id, this.#now(), body);
    const headersFailure = 'the secret for this address could not be had';
    return this.#requests.send({ url, body, headers, headersFailure }, signal);
  }

  /** Why nothing can ever be sent to this address; `undefined`: something can. */
  refusalOf(url: URL): string | undefined {
    return this.#requests.refusalOf(url);
  }

  /** Throws `INVALID_ARGUMENT` at `at` for an address that nothing can ever be sent to. */
  checkUrl(url: URL, at: string): void {
    this.#requests.checkUrl(url, at);
  }

  /** Ends what is under way with `CLOSED`. */
  async close(): Promise<void> {
    this.#requests.close();
  }
}

/** Those of Standard Webhooks; without a key, not signed. */
export function signedHeaders(
  keys: readonly SigningKey[],
  id: string,
  nowMs: number,
  body: string,
): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000);
  const sentId = headerId(id);
  return {
    'content-type': 'application/json',
    'user-agent': userAgent(),
    'webhook-id': sentId,
    'webhook-timestamp': String(timestamp),
    ...(keys.length === 0 ? {} : { 'webhook-signature': signatures(keys, sentId, timestamp, body) }),
  };
}
