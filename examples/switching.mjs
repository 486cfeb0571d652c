// A daemon that was written for the published budget module, over this package: its import stays as it is.
// A real one is started as `node --import @wundr.io/token-budget/register daemon.mjs` and does not name it at all.
import '@wundr.io/token-budget/register';
import { setTimeout as sleep } from 'node:timers/promises';
import { attachBudget } from '@wundr.io/token-budget/budget';
import { FakeDaemon } from './fake-daemon.mjs';

const { TokenBudgetTracker } = await import('@wundr.io/orchestrator-daemon/budget');

const daemon = new FakeDaemon();
const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 30_000 } });

// The two listeners of daemon.mjs in one line, and nothing can be spent twice: the tokens are held.
const detach = attachBudget(daemon, tracker, {
  estimate: 10_000,
  onRefused: (session, { error }) => console.log(`${session.id} is stopped: ${error}`),
});

const sessions = [12_000, 9000, 4000, 2000].map(tokens => daemon.spawnSession('orchestrator-1', tokens));
await sleep(10);
const { activeReservations, reservedTokens } = await tracker.getUsageStats('orchestrator-1', 'hourly');
console.log(`${activeReservations} sessions run and hold ${reservedTokens} tokens`);

for (const { id } of sessions) daemon.completeSession(id);
await detach();
const { totalUsed, limit } = await tracker.getUsageStats('orchestrator-1', 'hourly');
console.log(`orchestrator-1: ${totalUsed} of ${limit}`);
await tracker.disconnect();
