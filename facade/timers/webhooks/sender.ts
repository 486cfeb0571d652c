/** Sends one webhook, once: where to, how it is signed, and what the answer means. */
import { stopWaiting, whenAborted } from '../../abort';
import { closedError, TokenBudgetError } from '../../errors';
import { headerMap } from '../../providers/headers';
import { httpDateMs } from '../../providers/quantities';
import { readRetryAfter } from '../../providers/retry-after';
import type { SendResult } from '../outgoing';
import { failure, failureOf, permanent } from './failure';
import { checkedLookup } from './lookup';
import { readOptions, type WebhookOptions, type WebhookSettings } from './options';
import { type Answer, Poster, PostTimeout } from './post';
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
 * Posts webhooks to public addresses, signed as Standard Webhooks has it.
 *
 * A host is resolved at each attempt, every address is checked, and the connection goes to a checked one. Redirects
 * are not followed. Nothing of it holds the process.
 */
export class WebhookSender {
  readonly #settings: WebhookSettings;
  readonly #now: () => number;
  readonly #ending = new AbortController();
  #poster: Poster | undefined;

  /** `now`: milliseconds since the epoch, for the timestamp. Throws `INVALID_CONFIG`, naming the field below `at`. */
  constructor(options: WebhookOptions, now: () => number, at = '') {
    this.#settings = readOptions(options, at);
    this.#now = now;
  }

  /**
   * How one attempt went. Rejects with the reason of `signal`, and with `CLOSED`; everything else is a result, whose
   * `error` has no words but ours.
   */
  async send({ id, url, body }: WebhookMessage, signal?: AbortSignal): Promise<SendResult> {
    signal?.throwIfAborted();
    this.#ending.signal.throwIfAborted();
    const target = URL.canParse(url) ? new URL(url) : undefined;
    const refusal = target === undefined ? 'the address is no URL' : this.refusalOf(target);
    if (target === undefined || refusal !== undefined) return permanent(refusal ?? '');
    target.hash = '';
    let headers: Record<string, string>;
    try {
      headers = await this.#headers(id, target.href, body);
    } catch {
      return failure('the secret for this address could not be had');
    }
    signal?.throwIfAborted();
    this.#ending.signal.throwIfAborted();
    try {
      return this.#resultOf(await this.#post(target, headers, Buffer.from(body, 'utf8'), signal));
    } catch (error) {
      signal?.throwIfAborted();
      this.#ending.signal.throwIfAborted();
      return this.#failureOf(error);
    }
  }

  /** Why nothing can ever be sent to this address; `undefined`: something can. */
  refusalOf(url: URL): string | undefined {
    const { protocol, username, password, hostname } = url;
    const { httpsOnly, rules } = this.#settings;
    if (protocol !== 'https:' && protocol !== 'http:')
      return 'the address does not begin with https:// or http://';
    if (httpsOnly && protocol !== 'https:')
      return 'the address does not begin with https://, as httpsOnly wants it';
    if (username !== '' || password !== '') return 'the address holds a user or a password';
    if (rules.refusesHost(hostname)) return 'the address is private or reserved, which is not allowed';
    return undefined;
  }

  /** Throws `INVALID_ARGUMENT` at `at` for an address that nothing can ever be sent to. */
  checkUrl(url: URL, at: string): void {
    const refusal = this.refusalOf(url);
    if (refusal === undefined) return;
    // Not quoted: addresses of webhooks hold secrets.
    const message = `${at}: expected an address that webhooks may go to; ${refusal}`;
    throw new TokenBudgetError('INVALID_ARGUMENT', message, { field: at });
  }

  /** Ends what is under way with `CLOSED`. */
  async close(): Promise<void> {
    this.#ending.abort(closedError('sender of webhooks'));
    this.#poster?.close();
  }

  async #headers(id: string, url: string, body: string): Promise<Record<string, string>> {
    const keys = await this.#settings.keysFor(url);
    const timestamp = Math.floor(this.#now() / 1000);
    const sentId = headerId(id);
    return {
      'content-type': 'application/json',
      'user-agent': `token-budget/${version()}`,
      'webhook-id': sentId,
      'webhook-timestamp': String(timestamp),
      ...(keys.length === 0 ? {} : { 'webhook-signature': signatures(keys, sentId, timestamp, body) }),
    };
  }

  /** Ends when either of the two signals does. */
  async #post(
    url: URL,
    headers: Record<string, string>,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { rules, lookup, ca, connectTimeoutMs, timeoutMs } = this.#settings;
    this.#poster ??= new Poster({ lookup: checkedLookup(rules, lookup), ca, connectTimeoutMs, timeoutMs });
    const either = new AbortController();
    const end = () => either.abort();
    const signals = signal === undefined ? [this.#ending.signal] : [this.#ending.signal, signal];
    for (const one of signals) whenAborted(one, end);
    try {
      return await this.#poster.post(url, headers, body, either.signal);
    } finally {
      for (const one of signals) stopWaiting(one, end);
    }
  }

  #resultOf({ status, headers }: Answer): SendResult {
    if (status >= 200 && status < 300) return { ok: true, status };
    if (status === 410) return failure('answered 410: it is gone', { status, isGone: true });
    if (status >= 300 && status < 400)
      return failure(`answered ${status}: redirects are not followed`, { status });
    const told = headerMap(headers);
    const retryAfterMs = readRetryAfter('generic', told, httpDateMs(told.get('date')) ?? this.#now());
    return failure(`answered ${status}`, { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }

  #failureOf(error: unknown): SendResult {
    if (!(error instanceof PostTimeout)) return failureOf(error);
    const { connectTimeoutMs, timeoutMs } = this.#settings;
    return error.of === 'connect'
      ? failure(`no connection within ${connectTimeoutMs} ms`)
      : failure(`no answer within ${timeoutMs} ms`);
  }
}

let known: string | undefined;

/** Of this package. */
function version(): string {
  known ??= (require('../../../package.json') as { version: string }).version;
  return known;
}
