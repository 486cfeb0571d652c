// A daemon whose sessions are checked when they are spawned and counted when they complete.
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { FakeDaemon } from './fake-daemon.mjs';

const daemon = new FakeDaemon();
const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 30_000 },
  orchestratorBudgets: { 'orchestrator-tier2': { hourly: 5000 } },
});

daemon.on('session:spawned', async session => {
  const check = await tracker.checkBudget(session.orchestratorId, 10_000, 'hourly');
  if (!check.allowed) {
    await daemon.stopSession(session.id);
    console.log(`${session.id} stopped: ${check.message}`);
  }
});

daemon.on('session:completed', async session => {
  await tracker.trackUsage({
    orchestratorId: session.orchestratorId,
    sessionId: session.id,
    timestamp: new Date(),
    promptTokens: session.metrics.promptTokens,
    completionTokens: session.metrics.completionTokens,
    totalTokens: session.metrics.tokensUsed,
    model: session.model,
  });
});

const work = [
  ['orchestrator-1', 12_000],
  ['orchestrator-1', 9000],
  ['orchestrator-1', 4000],
  ['orchestrator-tier2', 2000],
];
for (const [orchestratorId, tokens] of work) {
  const session = daemon.spawnSession(orchestratorId, tokens);
  await sleep(10);
  daemon.completeSession(session.id);
  await sleep(10);
}

for (const id of ['orchestrator-1', 'orchestrator-tier2']) {
  const { totalUsed, limit } = await tracker.getUsageStats(id, 'hourly');
  console.log(`${id}: ${totalUsed} of ${limit}`);
}
await tracker.disconnect();
