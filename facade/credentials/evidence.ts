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
  if (readAnswer(error).headers.size > 0) return true;
  let current = error;
  for (let depth = 0; depth < WRAPPERS_MAX && current !== undefined; depth += 1) {
    if (namesAddress(current, base) || holdsGoogleBody(current)) return true;
    current = objectMember(current, 'lastError') ?? objectMember(current, 'cause');
  }
  return false;
}

/** Octokit has `request.url`, axios `config`, the AI SDK `url`; responses have one themselves. */
function namesAddress(source: unknown, base: URL | undefined): boolean {
  if (base === undefined) return false;
  const config = objectMember(source, 'config');
  const addresses = [
    textMember(source, 'url'),
    textMember(objectMember(source, 'request'), 'url'),
    textMember(objectMember(source, 'response'), 'url'),
    textMember(config, 'url'),
    textMember(config, 'baseURL'),
  ];
  return addresses.some(address => address !== undefined && isAt(address, base));
}

function isAt(address: string, base: URL): boolean {
  try {
    return new URL(address).origin === base.origin;
  } catch {
    return false;
  }
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
