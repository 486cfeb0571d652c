/** What a refusal says of its limits does not hold for longer than the wait that it names. */
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000);

test.each<[string, () => Record<string, string>]>([
  ['IETF', () => ({ ratelimit: '"default";r=0;t=20' })],
  [
    'GitLab',
    () => ({
      ...{ 'ratelimit-limit': '600', 'ratelimit-remaining': '0' },
      'ratelimit-reset': String(Math.ceil(inSeconds(20).getTime() / 1000)),
    }),
  ],
  [
    'OpenAI',
    () => ({
      ...{ 'x-ratelimit-limit-requests': '60', 'x-ratelimit-remaining-requests': '0' },
      'x-ratelimit-reset-requests': '2m0s',
    }),
  ],
  [
    'Anthropic',
    () => ({
      ...{ 'anthropic-ratelimit-requests-limit': '50', 'anthropic-ratelimit-requests-remaining': '0' },
      'anthropic-ratelimit-requests-reset': inSeconds(60).toISOString(),
    }),
  ],
])('%s', async (_provider, headers) => {
  const limiter = new RateLimitManager({ limits: { rpm: 1000 }, pacing: false });
  const permit = await limiter.acquire();
  const refusal = Object.assign(new Error('429'), {
    ...{ status: 429, headers: { ...headers(), 'retry-after': '2' } },
  });
  await permit.settle({ inputTokens: 0, outputTokens: 0, error: refusal });
  const { allowed, waitMs } = await limiter.canMakeRequest({ inputTokens: 1, maxOutputTokens: 1 });
  expect(allowed).toBe(false);
  // Two seconds and up to a tenth of jitter.
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(2200);
  await limiter.close();
});
