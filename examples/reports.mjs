// What a fleet used, by model and by day: recorded once, kept in a file, exported.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TokenBudgetTracker, UsageReporter } from '@wundr.io/token-budget/budget';

const folder = mkdtempSync(join(tmpdir(), 'token-budget-reports-'));
const tracker = new TokenBudgetTracker();
const reporter = new UsageReporter({ retentionDays: 365 }, join(folder, 'usage.db'));

// Whatever the tracker counts is recorded, once by its request id.
const recorded = new Promise(resolve => reporter.once('usage-recorded', resolve));
reporter.attach(tracker);
const timestamp = new Date();
await tracker.trackUsage({
  orchestratorId: 'orchestrator-1',
  sessionId: 'session-1',
  timestamp,
  promptTokens: 12_000,
  completionTokens: 800,
  totalTokens: 12_800,
  model: 'claude-sonnet-4-5',
  requestId: 'request-1',
});
await recorded;

// Or it is recorded by hand; the same id counts once.
const usage = {
  id: 'call-2',
  orchestratorId: 'orchestrator-2',
  sessionId: 'session-2',
  timestamp,
  modelId: 'gpt-4o',
  provider: 'openai',
  inputTokens: 3_000,
  outputTokens: 1_000,
  totalTokens: 4_000,
  toolName: 'code-review',
};
await Promise.all([reporter.recordUsage(usage), reporter.recordUsage(usage)]);

const day = {
  startTime: new Date(timestamp.getTime() - 3_600_000),
  endTime: new Date(timestamp.getTime() + 1000),
};
const report = await reporter.getReport({ ...day, granularity: 'hourly', groupBy: ['model'] });
for (const { key, totalTokens, cost } of report.breakdown) {
  console.log(`${key}: ${totalTokens} tokens, ${cost.toFixed(4)} USD`);
}
const { totalRecords, uniqueOrchestrators } = report.summary;
console.log(
  `${totalRecords} calls of ${uniqueOrchestrators} orchestrators: ${report.costEstimate.totalCost.toFixed(4)} USD`,
);

let csv = '';
for await (const piece of reporter.exportRecords({ format: 'csv', ...day })) csv += piece;
console.log(`${csv.trim().split('\r\n').length - 1} rows of CSV`);

await Promise.all([reporter.close(), tracker.close()]);
rmSync(folder, { recursive: true });
