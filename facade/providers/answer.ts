import { type BodyWords, isStatus, readBody } from './body';
import { retriedStatus } from './gitbeaker';
import { type HeaderMap, headerMap } from './headers';
import { isEmpty, isError, items, member, objectMember, textMember } from './members';
import type { Provider } from './types';

/** A response or an error, in the one form that is read further. */
export interface Answer {
  status: number | undefined;
  headers: HeaderMap;
  body: BodyWords;
  /** Who was asked, in lower case, where the answer or its request says so. */
  host: string | undefined;
  /** Nothing but headers was given. */
  isHeadersOnly: boolean;
  /** Whose client the error was made by, where that tells. */
  maker?: Provider;
}

/** Errors that wrap errors. */
const WRAPPERS_MAX = 4;
const URL_MAX_LENGTH = 8192;
const NO_BODY: BodyWords = readBody([]);

/**
 * Finds status, headers and body in a response, in headers alone, or in an error.
 *
 * Where clients keep them: OpenAI and Anthropic `status`, `headers`, `error`; Octokit and axios `response`
 * with `status`, `headers`, `data`; the AI SDK `statusCode`, `responseHeaders`, `responseBody`, `data`, and
 * `lastError` after its retries; Gemini `status` and the body as JSON in `message`, or `errorDetails`;
 * gitbeaker `cause.response`, and after its retries only words.
 */
export function readAnswer(source: unknown): Answer {
  let current = source;
  for (let depth = 0; depth < WRAPPERS_MAX; depth += 1) {
    const answer = tryAnswer(current);
    if (answer !== undefined) return answer;
    const wrapped = objectMember(current, 'lastError') ?? objectMember(current, 'cause');
    if (wrapped === undefined) break;
    current = wrapped;
  }
  if (isError(source)) {
    return {
      status: undefined,
      headers: new Map(),
      body: bodyOf(source),
      host: undefined,
      isHeadersOnly: false,
    };
  }
  const headers = headerMap(source);
  return { status: undefined, headers, body: NO_BODY, host: undefined, isHeadersOnly: headers.size > 0 };
}

function tryAnswer(source: unknown): Answer | undefined {
  const retried = retriedStatus(source);
  if (retried !== undefined) {
    return {
      status: retried,
      headers: new Map(),
      body: NO_BODY,
      host: undefined,
      isHeadersOnly: false,
      maker: 'gitlab',
    };
  }
  const response = objectMember(source, 'response');
  const container =
    objectMember(source, 'headers') ??
    objectMember(source, 'responseHeaders') ??
    objectMember(response, 'headers');
  const told = [
    member(source, 'status'),
    member(source, 'statusCode'),
    member(response, 'status'),
    member(response, 'statusCode'),
  ].find(isStatus);
  const isFailure = isError(source) || holdsError(source);
  const body = isFailure || (told ?? 0) >= 400 ? bodyOf(source) : NO_BODY;
  const status = told ?? body.status;
  if (container === undefined && status === undefined && !holdsError(source)) return undefined;
  const isHeadersOnly = status === undefined && !isFailure;
  return { status, headers: headerMap(container), body, host: hostOf(source, response), isHeadersOnly };
}

/** `url` of a response, or of the request that clients keep with it. */
function hostOf(source: unknown, response: unknown): string | undefined {
  const url = [source, response, member(source, 'request'), member(source, 'config')]
    .map(holder => textMember(holder, 'url'))
    .find(text => text !== undefined && text.length <= URL_MAX_LENGTH && URL.canParse(text));
  return url === undefined ? undefined : new URL(url).hostname;
}

/** Whether it is an error, wraps one, or is a body that tells of one. */
export function isFailure(source: unknown): boolean {
  return (
    isError(source) || holdsError(source) || holdsSome(source, 'lastError') || holdsSome(source, 'cause')
  );
}

/** Whether it is a body that tells of an error, or something that has one; GraphQL's has status 200. */
function holdsError(source: unknown): boolean {
  const whole = items(source, 1)[0] ?? source;
  return (
    holdsSome(whole, 'error') ||
    holdsSome(whole, 'errors') ||
    holdsSome(objectMember(whole, 'data'), 'errors')
  );
}

/** Clients and gateways write `errors: []` and `error: {}` where there is none. */
function holdsSome(source: unknown, name: string): boolean {
  const value = objectMember(source, name);
  return value !== undefined && !isEmpty(value);
}

function bodyOf(source: unknown): BodyWords {
  const response = objectMember(source, 'response');
  return readBody([
    source,
    member(source, 'error'),
    member(source, 'data'),
    member(source, 'body'),
    member(source, 'responseBody'),
    member(response, 'data'),
    member(response, 'body'),
    response,
    member(source, 'message'),
  ]);
}
