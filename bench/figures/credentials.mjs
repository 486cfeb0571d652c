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

  const manager = withProduct ? await openManager(tokens, resetAtMs) : null;
  const ours = manager
    ? [
        {
          name: 'getNextAvailableToken',
          operation: "getNextAvailableToken('github', { resource: 'core' }), its answer not told",
          count: scale(50_000),
          turn: count => oneAtATime(count, () => pick(manager)),
        },
        {
          name: 'getNextAvailableToken + updateRateLimit',
          operation: 'the same, then updateRateLimit(lease, ...) with what the provider answered',
          count: scale(50_000),
          turn: count =>
            oneAtATime(count, async () => {
              const lease = await pick(manager);
              await manager.updateRateLimit(lease, {
                resource: 'core',
                limit: PLENTY,
                remaining: PLENTY,
                reset: resetAtMs / 1000,
              });
            }),
        },
      ]
    : [];

  const all = [dealer, ...ours];
  const samples = await measureRounds(all, { rounds });
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

function pick(manager) {
  return manager.getNextAvailableToken('github', { resource: 'core' });
}

async function openManager(tokens, resetAtMs) {
  const { TokenManager } = loadEntry('credentials');
  const manager = new TokenManager(
    tokens.map((token, index) => ({ token, provider: 'github', account: `account-${index}` })),
  );
  const reset = Math.ceil(resetAtMs / 1000);
  for (const token of tokens.slice(0, -1)) {
    await manager.updateRateLimit(token, { resource: 'core', limit: 5000, remaining: 0, reset });
  }
  await manager.updateRateLimit(tokens.at(-1), {
    resource: 'core',
    limit: PLENTY,
    remaining: PLENTY,
    reset,
  });
  return manager;
}
