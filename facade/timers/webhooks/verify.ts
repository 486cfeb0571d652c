/** For whoever receives webhooks: whether one is genuine. */
import { crypto } from '../../crypto';
import { headerMap } from '../../providers/headers';
import { wholeNumber } from '../../providers/quantities';
import * as check from '../../validate';
import { secretsAt } from './secrets';
import { digest } from './sign';

/** The webhook is not to be trusted. Its message has nothing of the webhook and of the secret. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
  readonly code = 'WEBHOOK_NOT_VERIFIED';
  readonly reason: 'headers' | 'timestamp' | 'signature' | 'body';

  constructor(reason: WebhookVerificationError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface VerifyWebhookOptions {
  /** How far the clocks of both sides may differ, either way. Default 300. */
  toleranceSeconds?: number;
  /** Milliseconds since the epoch. Default: the clock of this host. */
  now?: () => number;
}

export interface VerifiedWebhook {
  /** The same in each repetition: whoever must not act twice remembers it. */
  id: string;
  /** When this attempt was made. */
  sentAt: Date;
  /** The body, parsed. */
  payload: unknown;
}

/** More signatures in one header are not looked at. */
const SIGNATURES_MAX = 20;

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
export function verifyWebhook(
  body: string | Uint8Array,
  headers: unknown,
  secret: string | readonly string[],
  options: VerifyWebhookOptions = {},
): VerifiedWebhook {
  const { toleranceSeconds, now } = readOptions(options);
  if (secret === undefined) throw check.invalid('secret', 'a secret', undefined);
  const keys = secretsAt(secret, 'secret');
  const bytes = bodyAt(body);
  const { id, timestamp, given } = readHeaders(headers);
  const seconds = wholeNumber(timestamp);
  if (seconds === undefined || Math.abs(now() / 1000 - seconds) > toleranceSeconds) {
    throw new WebhookVerificationError('timestamp', 'The webhook was sent too long ago, or by another clock');
  }
  const expected = keys.map(key => digest(key, id, timestamp, bytes));
  if (!isAmong(expected, given)) {
    throw new WebhookVerificationError('signature', 'No signature of the webhook is that of the secret');
  }
  return { id, sentAt: new Date(seconds * 1000), payload: parse(bytes) };
}

function readHeaders(headers: unknown): { id: string; timestamp: string; given: Buffer[] } {
  const told = headerMap(headers);
  const id = told.get('webhook-id');
  const timestamp = told.get('webhook-timestamp');
  const signed = told.get('webhook-signature');
  if (!id || !timestamp || !signed) {
    const names = 'webhook-id, webhook-timestamp and webhook-signature';
    throw new WebhookVerificationError('headers', `The webhook lacks one of the headers ${names}`);
  }
  const given = signed
    .split(/,?\s+/)
    .filter(each => each.startsWith('v1,'))
    .slice(0, SIGNATURES_MAX)
    .map(each => Buffer.from(each.slice(3), 'base64'));
  return { id, timestamp, given };
}

/** Compares all with all, so that the time tells nothing. */
function isAmong(expected: readonly Buffer[], given: readonly Buffer[]): boolean {
  let isFound = false;
  for (const one of expected) {
    for (const other of given) {
      if (other.length === one.length && crypto().timingSafeEqual(one, other)) isFound = true;
    }
  }
  return isFound;
}

function bodyAt(body: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body instanceof Uint8Array) return body;
  throw check.invalid('body', 'the body as it was received, as text or bytes', body);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new WebhookVerificationError('body', 'The webhook is genuine, and no JSON');
  }
}

const NAMES: ReadonlySet<string> = new Set<keyof VerifyWebhookOptions>(['toleranceSeconds', 'now']);

function readOptions(value: unknown): { toleranceSeconds: number; now: () => number } {
  const options = check.object(value, 'options');
  check.onlyNames(options, 'options', NAMES);
  const tolerance = check.own(options, 'toleranceSeconds', 'options');
  const now = check.own(options, 'now', 'options');
  if (now !== undefined && typeof now !== 'function') throw check.invalid('options.now', 'a function', now);
  return {
    toleranceSeconds:
      tolerance === undefined ? 300 : check.integer(tolerance, 'options.toleranceSeconds', 0, 86_400),
    now: (now as (() => number) | undefined) ?? Date.now,
  };
}
