// State in a file: what was acknowledged is still there after a restart, or after a crash. No server is needed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';

/** Everything of one path shares it: trackers, limiters, managers of tokens and worker threads. */
function open(storage) {
  return {
    tracker: new TokenBudgetTracker({ storage, defaultBudget: { daily: 10_000 } }),
    limiter: new RateLimitManager({ storage, limits: { rpd: 100 }, pacing: false }),
  };
}

/** A process that is killed as soon as it has heard that its work is on disk. */
async function crash(storage) {
  const { tracker, limiter } = open(storage);
  const permit = await limiter.acquire();
  const { reservationId } = await tracker.reserveTokens('orchestrator-1', 2000, 'all');
  await tracker.releaseReservation(reservationId, 1250);
  await permit.settle({ inputTokens: 900, outputTokens: 350 });
  await tracker.reserveTokens('orchestrator-1', 500, 'all');
  process.kill(process.pid, 'SIGKILL');
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'token-budget-example-'));
  const storage = join(folder, 'state.db');
  for (let round = 0; round < 3; round += 1) {
    const child = fork(fileURLToPath(import.meta.url), [storage]);
    const [, signal] = await once(child, 'exit');
    console.log(`process ${round + 1} ended by ${signal}`);
  }
  const { tracker, limiter } = open(storage);
  const { totalUsed, reservedTokens, limit } = await tracker.getUsageStats('orchestrator-1', 'daily');
  console.log(`used ${totalUsed} and held ${reservedTokens} of ${limit} tokens`);
  const { limits } = await limiter.getStatus();
  console.log(`${limits.rpd.used} of ${limits.rpd.limit} requests a day`);
  await Promise.all([tracker.close(), limiter.close()]);
  rmSync(folder, { recursive: true });
}

await (process.argv[2] === undefined ? main() : crash(process.argv[2]));
