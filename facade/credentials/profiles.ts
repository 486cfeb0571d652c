/** What differs between providers: where they are, how a token is sent, which quotas there are. */

export interface CredentialHeader {
  /** The name of the header. */
  name: string;
  /** What precedes the token in it, such as `Bearer `. Default: nothing. */
  prefix?: string;
}

export interface Profile {
  /** `undefined`: it has to be configured. */
  readonly baseUrl: string | undefined;
  readonly header: CredentialHeader;
  /** Asked for what is left, relative to the base URL; `undefined` where nothing tells. */
  readonly limitsPath: string | undefined;
  /** Whether asking costs nothing of the quota. */
  readonly isLimitsFree: boolean;
}

const BEARER: CredentialHeader = { name: 'authorization', prefix: 'Bearer ' };

const PROFILES: Readonly<Record<string, Profile>> = {
  github: git('https://api.github.com', BEARER, 'rate_limit', true),
  gitlab: git('https://gitlab.com/api/v4', { name: 'private-token' }, 'user', false),
  bitbucket: git('https://api.bitbucket.org/2.0', BEARER, 'user', false),
  openai: model('https://api.openai.com/v1', BEARER),
  anthropic: model('https://api.anthropic.com', { name: 'x-api-key' }),
  gemini: model('https://generativelanguage.googleapis.com', { name: 'x-goog-api-key' }),
  azure: model(undefined, { name: 'api-key' }),
};

function git(baseUrl: string, header: CredentialHeader, limitsPath: string, isLimitsFree: boolean): Profile {
  return { baseUrl, header, limitsPath, isLimitsFree };
}

function model(baseUrl: string | undefined, header: CredentialHeader): Profile {
  return { baseUrl, header, limitsPath: undefined, isLimitsFree: false };
}

/** Any other name is a provider too: its base URL is configured, its tokens are sent as `Bearer`. */
const OTHER = model(undefined, BEARER);

export function profileOf(provider: string): Profile {
  return Object.hasOwn(PROFILES, provider) ? (PROFILES[provider] as Profile) : OTHER;
}

/** With a slash at its end, so that paths can be added. */
export function defaultBaseUrl(provider: string): URL | undefined {
  const { baseUrl } = profileOf(provider);
  return baseUrl === undefined ? undefined : new URL(`${baseUrl}/`);
}

export const DEFAULT_RESOURCE = 'core';

/**
 * GitHub counts these apart; the path below the base URL tells, or beside it: an enterprise server has GraphQL at
 * `/api/graphql`. Everything else has one quota.
 */
export function resourceOf(provider: string, path: string): string {
  if (provider !== 'github') return DEFAULT_RESOURCE;
  if (/^\/?search\/code(\/|$)/.test(path)) return 'code_search';
  if (/^\/?search(\/|$)/.test(path)) return 'search';
  if (/^\/?(api\/)?graphql(\/|$)/.test(path)) return 'graphql';
  return DEFAULT_RESOURCE;
}
