import type { Sender } from '../timers/outgoing';
import { retryInMs, type WebhookOptions, WebhookSender } from '../timers/webhooks';

/** Sends what timers have to send, from the first webhook on. */
export class Webhooks {
  readonly #options: WebhookOptions;
  #sender: WebhookSender | undefined;

  constructor(options: WebhookOptions | undefined) {
    this.#options = options ?? {};
    // What is wrong with the options is to be told at once.
    if (options !== undefined) this.#open();
  }

  sender(): Sender {
    const sender = this.#open();
    return {
      send: (message, signal) => sender.send(message, signal),
      retryInMs: (attempt, result) => retryInMs(attempt, result, this.#options),
      close: () => sender.close(),
    };
  }

  /** Throws `INVALID_ARGUMENT` for an address that nothing will be sent to. */
  check(url: URL, at: string): void {
    this.#open().checkUrl(url, at);
  }

  async close(): Promise<void> {
    await this.#sender?.close();
  }

  #open(): WebhookSender {
    this.#sender ??= new WebhookSender(this.#options, () => Date.now(), 'webhooks');
    return this.#sender;
  }
}
