import { readAnswer } from '../providers/answer';
import { isError, items, member, objectMember, textMember } from '../providers/members';

/** As deep as clients wrap what went wrong. */
const WRAPPERS_MAX = 4;

/**
 * Whether an error that a function threw is an answer of the provider: it has the headers of a response, it names
 * an address of the provider, or it is what Google's client throws, which keeps the body and nothing else. A status
 * alone may come from anywhere, such as a database that refuses a password.
 */
export function isEvidence(error: unknown, base: URL | undefined): boolean {
  const addresses = chain(error).flatMap(addressesOf);
  // It says who answered, and that was somebody else.
  if (base !== undefined && addresses.length > 0 && !addresses.some(address => isAt(address, base)))
    return false;
  if (readAnswer(error).headers.size > 0) return true;
  return chain(error).some(each => namesAddress(each, base) || holdsGoogleBody(each));
}

/** Whether it is an answer of the provider that says so itself: it names an address there. */
export function isAnswerAt(error: unknown, base: URL | undefined): boolean {
  return chain(error).some(each => namesAddress(each, base));
}

/** What went wrong, and what that wraps. */
function chain(error: unknown): unknown[] {
  const all: unknown[] = [];
  let current = error;
  for (let depth = 0; depth < WRAPPERS_MAX && current !== undefined; depth += 1) {
    all.push(current);
    current = objectMember(current, 'lastError') ?? objectMember(current, 'cause');
  }
  return all;
}

/** Octokit has `request.url`, axios `config`, the AI SDK `url`; responses have one themselves. */
function addressesOf(source: unknown): string[] {
  const config = objectMember(source, 'config');
  const addresses = [
    textMember(source, 'url'),
    textMember(objectMember(source, 'request'), 'url'),
    textMember(objectMember(source, 'response'), 'url'),
    textMember(config, 'url'),
    textMember(config, 'baseURL'),
  ];
  return addresses.filter(address => address !== undefined && URL.canParse(address)) as string[];
}

function namesAddress(source: unknown, base: URL | undefined): boolean {
  return base !== undefined && addressesOf(source).some(address => isAt(address, base));
}

function isAt(address: string, base: URL): boolean {
  return new URL(address).origin === base.origin;
}

/** `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED", ...}}` as the message, or its `errorDetails`. */
function holdsGoogleBody(source: unknown): boolean {
  if (!isError(source)) return false;
  const details = items(member(source, 'errorDetails'), 1)[0];
  if (textMember(details, '@type') !== undefined) return true;
  try {
    const inner = objectMember(JSON.parse(textMember(source, 'message') ?? ''), 'error');
    return typeof member(inner, 'code') === 'number' && textMember(inner, 'status') !== undefined;
  } catch {
    return false;
  }
}
