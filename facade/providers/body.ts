import { items, member, objectMember, textMember } from './members';

/** What the body of an error says, taken apart. */
export interface BodyWords {
  /** Codes, types and states by which providers name an error, in lower case. */
  words: ReadonlySet<string>;
  /** For people; several are joined. */
  message: string;
  /** `google.rpc` details. */
  details: readonly unknown[];
  /** Where GitHub explains the error. */
  documentation: string | undefined;
  /** The status that the body repeats. */
  status: number | undefined;
}

const DETAILS_MAX = 64;
const JSON_MAX_LENGTH = 65_536;
const MESSAGE_MAX_LENGTH = 4096;
const NAMES = ['code', 'type', 'status', 'reason'] as const;

/**
 * Reads bodies as the clients of providers hand them over: parsed or as JSON, whole or only what is under
 * `error`, and the error itself, for some repeat `code` and `type` there.
 */
export function readBody(candidates: readonly unknown[]): BodyWords {
  const words = new Set<string>();
  const messages: string[] = [];
  const details: unknown[] = [];
  let status: number | undefined;
  let documentation: string | undefined;
  for (const candidate of candidates) {
    for (const part of partsOf(parsed(candidate))) {
      for (const name of NAMES) {
        const word = textMember(part, name);
        if (word !== undefined && word.length <= 100) words.add(word.toLowerCase());
      }
      const code = member(part, 'code');
      if (status === undefined && isStatus(code)) status = code;
      const message = textMember(part, 'message');
      if (message !== undefined) messages.push(message.slice(0, MESSAGE_MAX_LENGTH));
      documentation ??= textMember(part, 'documentation_url');
      details.push(...items(member(part, 'details'), DETAILS_MAX));
      details.push(...items(member(part, 'errorDetails'), DETAILS_MAX));
    }
  }
  return { words, message: messages.join('\n'), details, status, documentation };
}

export function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599;
}

/** A body, what is under its `error`, what is under that one's, and each of a list of `errors`. */
function partsOf(body: unknown): object[] {
  const first = items(body, 1)[0] ?? body;
  if (typeof first !== 'object' || first === null) return [];
  const parts: object[] = [first];
  const inner = objectMember(first, 'error');
  if (inner !== undefined) {
    parts.push(inner);
    const innermost = objectMember(inner, 'error');
    if (innermost !== undefined) parts.push(innermost);
  }
  for (const part of parts.slice()) {
    for (const each of items(member(part, 'errors'), DETAILS_MAX)) {
      if (typeof each === 'object' && each !== null) parts.push(each);
    }
  }
  return parts;
}

/** The class of an error before its message: `[VertexAI.ClientError]: `. */
const CLASS_NAME = /^\[[A-Za-z][\w. ]{0,99}\]:? */;

/** JSON as what it holds. Some clients put a few words before it. */
export function parsed(candidate: unknown): unknown {
  if (typeof candidate !== 'string') return candidate;
  if (candidate.length > JSON_MAX_LENGTH) return undefined;
  const text = candidate.replace(CLASS_NAME, '');
  const start = text.search(/[{[]/);
  if (start === -1) return undefined;
  try {
    return JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
}

/** What a text holds that is JSON as a whole; any other text, and what is no text, as it is. */
export function parsedWhole(body: unknown): unknown {
  if (typeof body !== 'string' || !/^\s*[{[]/.test(body)) return body;
  return parsed(body) ?? body;
}
