import { oneAtATime } from '../harness/in-flight.mjs';
import { loadEntry } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { openDealer } from '../peers/token-dealer.mjs';

export const title = 'Choosing among 100 credentials of which 99 are limited, in this process';

const CREDENTIALS = 100;
const HOUR_MS = 3_600_000;
// More than all turns together take, so that the last one is never spent.
const PLENTY = 1e9;
let opened = 0;

export async function run({ rounds, scale, withProduct }) {
  // Shaped as those of GitHub; the last one is the one to find.
  const tokens = Array.from({ length: CREDENTIALS }, (_, index) => `ghp_${String(index).padStart(36, '0')}`);
  const resetAtMs = Date.now() + HOUR_MS;

  const { deal } = await openDealer(tokens, resetAtMs);
  const dealer = {
    name: 'token-dealer',
    operation: 'tokenDealer(tokens, token => token)',
    count: scale(5000),
    turn: count => oneAtATime(count, deal),
  };

  // Every turn has a manager of its own: requests whose end nobody tells are under way, and would pile up.
  let manager;
  const contestant = (name, operation, each) => ({
    name,
    operation,
    count: scale(20_000),
    prepare: async () => {
      await manager?.close();
      manager = await openManager(tokens, resetAtMs);
    },
    turn: count => oneAtATime(count, each),
  });
  const pick = () => manager.getNextAvailableToken('github', { resource: 'core' });
  const ours = withProduct
    ? [
        contestant(
          'getNextAvailableToken',
          "getNextAvailableToken('github', { resource: 'core' }); how the request went is not told",
          pick,
        ),
        contestant(
          'getNextAvailableToken + updateRateLimit',
          'the same, then updateRateLimit(lease, ...) with what the provider answered',
          async () => {
            const lease = await pick();
            await manager.updateRateLimit(lease, plenty(resetAtMs));
          },
        ),
      ]
    : [];

  const all = [dealer, ...ours];
  const samples = await measureRounds(all, { rounds, beforeTurn: each => each.prepare?.() });
  await manager?.close();
  return {
    measured: [
      ...all.map(each => measured(each, samples, 'throughput')),
      ...all.map(each => measured(each, samples, 'latency')),
    ],
    ratios: ours.map((each, index) =>
      ratio(`${each.name} : token-dealer`, each, dealer, samples, 'throughput', {
        reach: index === 0 ? { atLeast: 10 } : null,
      }),
    ),
    notes: [
      'token-dealer knows what is spent from its caller only; ours also counts down with each choice and is told what is left.',
    ],
  };
}

function plenty(resetAtMs) {
  return { resource: 'core', limit: PLENTY, remaining: PLENTY, reset: Math.ceil(resetAtMs / 1000) };
}

async function openManager(tokens, resetAtMs) {
  const { TokenManager } = loadEntry('credentials');
  const credentials = tokens.map((token, index) => ({
    token,
    provider: 'github',
    account: `account-${index}`,
  }));
  // Managers of one name share what they know.
  const manager = new TokenManager(credentials, { name: `bench-${opened++}` });
  for (const token of tokens.slice(0, -1)) {
    await manager.updateRateLimit(token, { ...plenty(resetAtMs), limit: 5000, remaining: 0 });
  }
  await manager.updateRateLimit(tokens.at(-1), plenty(resetAtMs));
  return manager;
}
