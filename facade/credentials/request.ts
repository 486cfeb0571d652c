import { checkedSignal } from '../abort';
import { TokenBudgetError } from '../errors';
import { refused } from './check';

/** A request as it is sent, perhaps several times. */
export interface OutgoingRequest {
  url: URL;
  method: string;
  headers: Headers;
  body: RequestInit['body'] | undefined;
  /** The body is a stream: it can be sent once. */
  isOnce: boolean;
  redirect: 'follow' | 'manual' | 'error';
  signal: AbortSignal | undefined;
  /** A redirect led to another host; nothing that follows gets a token. */
  leftOrigin: boolean;
  /** What else `fetch` was told. */
  more: RequestInit;
}

export function isOnce({ isOnce, body }: OutgoingRequest): boolean {
  return isOnce && body !== undefined;
}

/** `base`: where addresses without a host belong. */
export function readRequest(
  input: Parameters<typeof fetch>[0],
  init: RequestInit & object,
  base: () => URL,
): OutgoingRequest {
  const request = typeof input === 'object' && input !== null && !(input instanceof URL) ? input : undefined;
  const { method, headers, body, redirect, signal, ...others } = init;
  const { provider: _, resource: __, waitForReset: ___, ...more } = others as Record<string, unknown>;
  const sent = body ?? request?.body ?? undefined;
  return {
    url: readUrl(request === undefined ? (input as string | URL) : request.url, base),
    method: (method ?? request?.method ?? 'GET').toUpperCase(),
    headers: new Headers(headers ?? request?.headers),
    body: sent,
    isOnce: isStream(sent),
    redirect: redirect ?? request?.redirect ?? 'follow',
    signal: readSignal(signal === undefined ? request?.signal : signal),
    leftOrigin: false,
    more: more as RequestInit,
  };
}

/** `null` is none, as for `fetch`. */
function readSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  try {
    return checkedSignal(signal);
  } catch {
    throw refused('init.signal', 'an AbortSignal', signal);
  }
}

function readUrl(input: string | URL, base: () => URL): URL {
  const expected = 'an address, or a path below the base URL, without user and password';
  if (typeof input !== 'string' && !(input instanceof URL)) throw refused('input', expected, input);
  let url: URL;
  try {
    const text = String(input);
    url = /^[a-z][a-z0-9+.-]*:/i.test(text) ? new URL(text) : new URL(text.replace(/^\/(?!\/)/, ''), base());
  } catch (error) {
    if (error instanceof TokenBudgetError) throw error;
    throw refused('input', expected, input);
  }
  if (url.username !== '' || url.password !== '') throw refused('input', expected, input);
  return url;
}

function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  const isCopied =
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof URLSearchParams;
  return (
    !isCopied && (body instanceof ReadableStream || Symbol.asyncIterator in body || Symbol.iterator in body)
  );
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const OF_THE_BODY = [
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
];
/** Beside the header of the token itself: whoever asked meant one host. */
const OF_THE_HOST = ['authorization', 'proxy-authorization', 'cookie', 'host'];

/** What a redirect asks for, as the Fetch standard has it; `undefined` when the response is the last one. */
export function nextRequest(
  request: OutgoingRequest,
  response: Response,
  credentialHeader: string,
): OutgoingRequest | undefined {
  const { status } = response;
  const location = REDIRECTS.has(status) ? response.headers.get('location') : null;
  if (location === null || request.redirect === 'manual') return undefined;
  if (request.redirect === 'error')
    throw new TypeError('fetch failed: a redirect, which init.redirect forbids');
  let url: URL;
  try {
    url = new URL(location, request.url);
  } catch {
    throw new TypeError('fetch failed: the redirect leads to no address');
  }
  if (!['http:', 'https:'].includes(url.protocol)) {
    throw new TypeError('fetch failed: the redirect leads to no http address');
  }
  if (url.hash === '') url.hash = request.url.hash;
  // What an address says of a user is sent by no fetch.
  url.username = '';
  url.password = '';
  const { method } = request;
  const becomesGet =
    (status === 303 && method !== 'GET' && method !== 'HEAD') || (status <= 302 && method === 'POST');
  const body = becomesGet ? undefined : request.body;
  if (request.isOnce && body !== undefined) {
    throw new TokenBudgetError(
      'INVALID_ARGUMENT',
      'init.body: expected a body that can be sent again after a redirect, got a stream',
      { field: 'init.body' },
    );
  }
  const headers = new Headers(request.headers);
  const leaves = url.origin !== request.url.origin;
  if (becomesGet) for (const name of OF_THE_BODY) headers.delete(name);
  if (leaves) for (const name of [...OF_THE_HOST, credentialHeader]) headers.delete(name);
  return {
    ...{ ...request, url, headers, body },
    method: becomesGet ? 'GET' : method,
    leftOrigin: request.leftOrigin || leaves,
  };
}
