// Requests keep their distance, and wait when the provider says so. In memory: no server is needed.
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';

const limiter = new RateLimitManager({
  limits: { rpm: 500, itpm: 400_000, otpm: 80_000 },
  safety: { margin: 0.15, cooldown: 60 },
});
limiter.on('limit:hit', ({ kind, retryAfterMs }) => {
  console.log(`the provider refuses (${kind}): nothing is sent for ${retryAfterMs} ms`);
});

let calls = 0;

/** Stands for the call of a model, to which the third one is too much. */
async function callModel(prompt) {
  calls += 1;
  if (calls === 3) {
    throw Object.assign(new Error('Too many requests'), { status: 429, headers: { 'retry-after': '1' } });
  }
  return { text: `Echo: ${prompt}`, usage: { input: 900, output: 350 } };
}

async function ask(prompt) {
  for (;;) {
    try {
      return await limiter.run({ inputTokens: 1000, maxOutputTokens: 500 }, async () => {
        const { text, usage } = await callModel(prompt);
        return { result: text, usage: { inputTokens: usage.input, outputTokens: usage.output } };
      });
    } catch (error) {
      // The limiter has heard of it: the next turn comes when the provider takes requests again.
      if (error.status !== 429) throw error;
    }
  }
}

console.log(await Promise.all(['one', 'two'].map(ask)));
console.log(await ask('three'));

const large = await limiter.canMakeRequest({ inputTokens: 1_000_000, maxOutputTokens: 500 });
console.log(`a million tokens at once: ${large.verdict}, ${large.limit} are the most (${large.reason})`);

const { requests, hits } = limiter.metrics();
const { limits } = await limiter.getStatus();
console.log(`${requests.admitted} requests, ${hits.rate} of them refused by the provider`);
console.log(`used ${limits.itpm.used} of ${limits.itpm.limit} input tokens a minute`);
await limiter.close();
