/** One request to an address that somebody gave: whether it may go there, and what the answer means. */
import { stopWaiting, whenAborted } from '../../abort';
import { closedError, TokenBudgetError } from '../../errors';
import { headerMap } from '../../providers/headers';
import { httpDateMs } from '../../providers/quantities';
import { readRetryAfter } from '../../providers/retry-after';
import { MAX_DURATION_MS } from '../../validate';
import type { SendResult } from '../outgoing';
import { failure, failureOf, permanent } from './failure';
import { checkedLookup } from './lookup';
import type { WebhookSettings } from './options';
import { type Answer, Poster, PostTimeout } from './post';

export interface GuardedRequest {
  url: string;
  /** Default `POST`. */
  method?: 'POST' | 'PUT';
  body: string;
  /** Asked after the address was checked; when it throws, the attempt fails with `headersFailure`. */
  headers(url: string): Record<string, string> | Promise<Record<string, string>>;
  headersFailure?: string;
  /** Until the answer has begun. Default: that of the settings, which it never exceeds. */
  timeoutMs?: number;
}

/**
 * Sends to public addresses, and to those that were allowed.
 *
 * A host is resolved at each attempt, every address is checked, and the connection goes to a checked one. Redirects
 * are not followed. Nothing of it holds the process.
 */
export class GuardedRequests {
  readonly #settings: WebhookSettings;
  readonly #now: () => number;
  readonly #ending = new AbortController();
  #poster: Poster | undefined;

  /** `now`: milliseconds since the epoch, for what `Retry-After` says. */
  constructor(settings: WebhookSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  /**
   * How one attempt went. Rejects with the reason of `signal`, and with `CLOSED`; everything else is a result, whose
   * `error` has no words but ours.
   */
  async send(request: GuardedRequest, signal?: AbortSignal): Promise<SendResult> {
    const throwIfEnded = () => {
      signal?.throwIfAborted();
      this.#ending.signal.throwIfAborted();
    };
    throwIfEnded();
    const target = URL.canParse(request.url) ? new URL(request.url) : undefined;
    const refusal = target === undefined ? 'the address is no URL' : this.refusalOf(target);
    if (target === undefined || refusal !== undefined) return permanent(refusal ?? '');
    target.hash = '';
    let headers: Record<string, string>;
    try {
      headers = await request.headers(target.href);
    } catch {
      return failure(request.headersFailure ?? 'the headers could not be made');
    }
    throwIfEnded();
    const timeoutMs = Math.min(this.#settings.timeoutMs, request.timeoutMs ?? Number.POSITIVE_INFINITY);
    try {
      return this.#resultOf(await this.#post(target, request, headers, timeoutMs, signal));
    } catch (error) {
      throwIfEnded();
      return this.#failureOf(error, timeoutMs);
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
  close(): void {
    this.#ending.abort(closedError('sender of webhooks'));
    this.#poster?.close();
  }

  /** Ends when either of the two signals does. */
  async #post(
    url: URL,
    { method, body }: GuardedRequest,
    headers: Record<string, string>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const { rules, lookup, ca, connectTimeoutMs } = this.#settings;
    const patience = { connectTimeoutMs, timeoutMs: this.#settings.timeoutMs };
    this.#poster ??= new Poster({ lookup: checkedLookup(rules, lookup), ca, ...patience });
    const either = new AbortController();
    const end = () => either.abort();
    const signals = signal === undefined ? [this.#ending.signal] : [this.#ending.signal, signal];
    for (const one of signals) whenAborted(one, end);
    try {
      const bytes = Buffer.from(body, 'utf8');
      return await this.#poster.post(url, headers, bytes, either.signal, { method, timeoutMs });
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
    const retryAfterMs =
      readRetryAfter('generic', told, httpDateMs(told.get('date')) ?? this.#now()) ??
      // More seconds than anybody means: as long as it can be, which the schedule shortens.
      (/^\d+$/.test(told.get('retry-after') ?? '') ? MAX_DURATION_MS : undefined);
    return failure(`answered ${status}`, { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }

  #failureOf(error: unknown, timeoutMs: number): SendResult {
    if (!(error instanceof PostTimeout)) return failureOf(error);
    return error.of === 'connect'
      ? failure(`no connection within ${this.#settings.connectTimeoutMs} ms`)
      : failure(`no answer within ${timeoutMs} ms`);
  }
}

let known: string | undefined;

/** The name and the version of this package, as requests tell them. */
export function userAgent(): string {
  known ??= `token-budget/${(require('../../../package.json') as { version: string }).version}`;
  return known;
}
