const WHATS = ['limit', 'remaining', 'reset'] as const;

const named = (make: (what: string) => string[]) => WHATS.flatMap(make);

/** Every header that is read here, for containers that only answer to names. */
export const KNOWN_HEADERS: readonly string[] = [
  'date',
  'server',
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  ...named(what => ['requests', 'tokens', 'project-tokens'].map(unit => `x-ratelimit-${what}-${unit}`)),
  ...named(what =>
    ['requests', 'tokens', 'input-tokens', 'output-tokens'].map(
      unit => `anthropic-ratelimit-${unit}-${what}`,
    ),
  ),
  ...named(what => [`x-ratelimit-${what}`, `ratelimit-${what}`]),
  'x-rate-limit-reset-requests',
  'x-rate-limit-reset-tokens',
  'anthropic-ratelimit-unified-reset',
  'anthropic-organization-id',
  'openai-organization',
  'openai-processing-ms',
  'apim-request-id',
  'x-ms-region',
  'x-github-request-id',
  'x-gitlab-meta',
  'x-ratelimit-used',
  'x-ratelimit-resource',
  'x-ratelimit-nearlimit',
  'ratelimit-observed',
  'ratelimit-resettime',
  'ratelimit',
  'ratelimit-policy',
];
