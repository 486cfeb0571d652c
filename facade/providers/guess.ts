import type { Answer } from './answer';
import { isGoogles } from './gemini';
import type { Provider } from './types';

/** Whose answer it is, by what only one of them says. */
export function guessProvider(answer: Answer): Provider {
  const { headers, body, maker } = answer;
  if (maker !== undefined) return maker;
  const has = (name: string) => headers.has(name);
  const hasSome = (...names: string[]) => names.some(has);

  for (const name of headers.keys()) if (name.startsWith('anthropic-')) return 'anthropic';
  if (hasSome('apim-request-id', 'x-ms-region', 'x-ms-retry-after-ms', 'x-rate-limit-reset-tokens')) {
    return 'azure';
  }
  for (const name of headers.keys()) {
    if (/^x-ratelimit-(limit|remaining|reset)-(requests|tokens|project-tokens)$/.test(name)) return 'openai';
  }
  if (hasSome('openai-organization', 'openai-processing-ms')) return 'openai';
  if (has('x-ratelimit-nearlimit')) return 'bitbucket';
  if (hasSome('x-github-request-id', 'x-ratelimit-used')) return 'github';
  // Both name a resource, and only GitHub what remains of it.
  if (has('x-ratelimit-resource')) return has('x-ratelimit-remaining') ? 'github' : 'bitbucket';
  if (hasSome('ratelimit-observed', 'ratelimit-resettime', 'x-gitlab-meta')) return 'gitlab';
  if (hasSome('ratelimit', 'ratelimit-policy')) return 'ietf';
  if (has('ratelimit-remaining')) return isDelta(headers.get('ratelimit-reset')) ? 'ietf' : 'gitlab';
  return isGitHubs(answer) ? 'github' : guessByBody(body);
}

/**
 * GitHub by who was asked or who answered; or by its way to refuse when proxies and hand-made objects have left no
 * more: 403 where others say 429, nothing remaining, and a reset in seconds since the epoch.
 */
function isGitHubs({ status, headers, host }: Answer): boolean {
  if (host === 'api.github.com' || host === 'uploads.github.com') return true;
  if (headers.get('server')?.toLowerCase() === 'github.com') return true;
  const isSpent = status === 403 && headers.get('x-ratelimit-remaining') === '0';
  return isSpent && /^\d{10}$/.test(headers.get('x-ratelimit-reset') ?? '');
}

/** Early drafts had GitLab's names, and seconds from now on. */
function isDelta(reset: string | undefined): boolean {
  return reset !== undefined && /^\d{1,9}$/.test(reset);
}

function guessByBody({ words, message, details, documentation }: Answer['body']): Provider {
  if (words.has('resource_exhausted') || details.some(isGoogles)) return 'gemini';
  if (documentation?.startsWith('https://docs.github.com/') || /secondary rate limit/i.test(message)) {
    return 'github';
  }
  if (words.has('rate_limit_error') || words.has('overloaded_error') || words.has('billing_error')) {
    return 'anthropic';
  }
  if (words.has('insufficient_quota') || words.has('rate_limit_exceeded')) return 'openai';
  return 'generic';
}
