/** Errors of clients that keep neither headers nor an address, told by how they are made. */
import { parsed } from '../providers/body';
import { isError, items, member, objectMember, textMember } from '../providers/members';

/** Statuses that can mean a limit. What else says so, is read where the answer is judged. */
const REFUSALS: ReadonlySet<unknown> = new Set([403, 429]);

/**
 * Google's: `errorDetails`, or the body as the message, behind a few words when it came in a stream,
 * and behind its class from Vertex AI: `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED", ...}}`. Where its `error` has no `status`, the error has the
 * code as its own; and where the client got JSON without an `error`, it is an `ApiError`.
 */
export function holdsGoogleBody(source: unknown): boolean {
  if (!isError(source)) return false;
  const details = items(member(source, 'errorDetails'), 1)[0];
  if (textMember(details, '@type') !== undefined) return true;
  const body = parsed(textMember(source, 'message') ?? '');
  const inner = objectMember(items(body, 1)[0] ?? body, 'error');
  const status = member(source, 'status');
  if (inner === undefined) {
    return typeof body === 'object' && textMember(source, 'name') === 'ApiError' && REFUSALS.has(status);
  }
  const code = member(inner, 'code');
  return typeof code === 'number' && (textMember(inner, 'status') !== undefined || status === code);
}

/** Longer ones of its messages have their address at the beginning, too. */
const MESSAGE_MAX_LENGTH = 4096;

/** `[GoogleGenerativeAI Error]: Error fetching from <address>: [429 Too Many Requests] ...` */
export function legacyGoogleAddress(message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined;
  const begin = /^\[GoogleGenerativeAI Error\]: Error fetching from (https?:\/\/\S+): \[\d{3}\b/;
  return begin.exec(message.slice(0, MESSAGE_MAX_LENGTH))?.[1];
}

/** Octokit's, with a relative address and no base: an `HttpError` whose request has what only Octokit sends. */
export function isOfOctokit(source: unknown): boolean {
  const request = objectMember(source, 'request');
  const headers = objectMember(request, 'headers');
  if (textMember(source, 'name') !== 'HttpError' || !REFUSALS.has(member(source, 'status'))) return false;
  if (textMember(request, 'method') === undefined || textMember(request, 'url') === undefined) return false;
  return (
    /\[REDACTED\]$/.test(textMember(headers, 'authorization') ?? '') ||
    /\boctokit\b/i.test(textMember(headers, 'user-agent') ?? '') ||
    /\bvnd\.github\b/.test(textMember(headers, 'accept') ?? '')
  );
}
