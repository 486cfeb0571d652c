import { readAnswer } from '../providers/answer';
import { retriedStatus } from '../providers/gitbeaker';
import { isError, member, objectMember, textMember } from '../providers/members';
import { holdsGoogleBody, isOfOctokit, legacyGoogleAddress } from './sdk-errors';
import { isKnownProvider } from './signals';

/** As deep as clients wrap what went wrong. */
const WRAPPERS_MAX = 4;

/** Whose token it was that a function had. */
export interface EvidenceFor {
  provider: string;
  baseUrl: URL | undefined;
}

/**
 * Whether an error that a function threw is an answer of the provider: it has the headers of a response, it names
 * an address of the provider, or it is made as only a client of this provider makes errors, which keeps neither. A
 * status alone may come from anywhere, such as a database that refuses a password.
 */
export function isEvidence(error: unknown, { provider, baseUrl }: EvidenceFor): boolean {
  const addresses = chain(error).flatMap(addressesOf);
  // It says who answered, and that was somebody else.
  if (baseUrl !== undefined && addresses.length > 0 && !addresses.some(address => isAt(address, baseUrl)))
    return false;
  if (readAnswer(error).headers.size > 0) return true;
  return chain(error).some(
    each =>
      namesAddress(each, baseUrl) ||
      (mayBe(provider, 'gitlab') && retriedStatus(each) !== undefined) ||
      (mayBe(provider, 'gemini') && holdsGoogleBody(each)) ||
      (mayBe(provider, 'github') && isOfOctokit(each)),
  );
}

/** Whether it is an answer of the provider that says so itself: it names an address there. */
export function isAnswerAt(error: unknown, base: URL | undefined): boolean {
  return chain(error).some(each => namesAddress(each, base));
}

/** Under a name that is not known there may be anybody: an enterprise server, a gateway. */
function mayBe(provider: string, known: string): boolean {
  return provider === known || !isKnownProvider(provider);
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

/**
 * Octokit has `request.url`, which may be relative to `request.baseUrl`, axios the same in `config`, the AI SDK
 * `url`, Google's older client its message; responses have one themselves.
 */
function addressesOf(source: unknown): string[] {
  const [request, config] = [objectMember(source, 'request'), objectMember(source, 'config')];
  const addresses = [
    textMember(source, 'url'),
    textMember(objectMember(source, 'response'), 'url'),
    asked(textMember(request, 'url'), textMember(request, 'baseUrl')),
    asked(textMember(config, 'url'), textMember(config, 'baseURL')),
    isError(source) ? legacyGoogleAddress(member(source, 'message')) : undefined,
  ];
  return addresses.filter(address => address !== undefined && URL.canParse(address)) as string[];
}

/** A whole address is meant as it is, whatever the base. */
function asked(url: string | undefined, base: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? url : base;
}

function namesAddress(source: unknown, base: URL | undefined): boolean {
  return base !== undefined && addressesOf(source).some(address => isAt(address, base));
}

function isAt(address: string, base: URL): boolean {
  return new URL(address).origin === base.origin;
}
