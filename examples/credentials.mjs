// Several tokens as one: rotation, what is left of each, and what happens when all are spent. No server is needed:
// fake-github.mjs stands for GitHub.
import {
  formatRateLimits,
  GitHubClient,
  RateLimitError,
  TokenManager,
  withBackoff,
} from '@wundr.io/token-budget/credentials';
import { startFakeGitHub } from './fake-github.mjs';

const github = await startFakeGitHub({ 'token-of-ann': 2, 'token-of-bob': 2 });

const manager = new TokenManager(
  [
    { token: 'token-of-ann', account: 'ann' },
    { token: 'token-of-bob', account: 'bob' },
    { token: 'token-of-carl', account: 'carl' },
  ],
  // Real ones keep a hundredth of each quota; these quotas are too small for that.
  { baseUrls: { github: github.url }, reserve: 0 },
);

// Stays on one token until it is spent, then takes the next.
for (const owner of ['octocat', 'torvalds', 'gvanrossum']) {
  const who = await manager.withRotation('github', async (token, { account }) => {
    const client = new GitHubClient({ token }, { baseUrl: github.url });
    const repositories = await client.fetchRepositories(owner);
    return `${repositories.length} repository for ${owner}, asked by ${account}`;
  });
  console.log(who);
}

// Carl's token is not accepted; the others are asked what is left.
const lines = formatRateLimits(await manager.checkRateLimits('github'));
console.log(lines.filter(line => line.startsWith('Token')).join('\n'));

// fetch, with a token of the manager's choice.
await manager.fetch('/users/octocat');

// All are spent: nothing goes out.
const client = new GitHubClient({ manager });
try {
  await client.fetchRepositories('octocat');
} catch (error) {
  if (!(error instanceof RateLimitError)) throw error;
  console.log(`${error.message}; that ends at a known time: ${error.resetAt !== null}`);
}

// Waits until the first one can be used again, or for a minute at most.
const repositories = await withBackoff(() => client.fetchRepositories('octocat'), { maxRetries: 5 });
console.log(`${repositories[0].fullName}; refused by the provider: ${github.refused.length}`);

await manager.close();
github.stop();
