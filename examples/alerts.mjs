// A budget is used up: people are told by a webhook and a stream, and the orchestrator is paused.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { AlertChannel, AlertLevel, BudgetAlertSystem } from '@wundr.io/token-budget/alerts';

// Whoever gets the webhooks.
const receiver = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { alert } = JSON.parse(Buffer.concat(chunks).toString());
  console.log(`webhook: ${alert.title}`);
  response.writeHead(204).end();
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');

const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 10_000 }, thresholds: [0.5, 0.9] });
const alerts = new BudgetAlertSystem({
  webhooks: { allow: ['127.0.0.1'] },
  onPause: orchestratorId => console.log(`paused: ${orchestratorId}`),
  onResume: orchestratorId => console.log(`resumed: ${orchestratorId}`),
});
await alerts.configureAlerts({
  orchestratorId: 'support',
  thresholds: [
    { percentage: 50, level: AlertLevel.INFO },
    { percentage: 90, level: AlertLevel.CRITICAL, autoPause: true },
  ],
  channels: [
    {
      type: AlertChannel.WEBHOOK,
      enabled: true,
      config: { url: `http://127.0.0.1:${receiver.address().port}/` },
    },
    { type: AlertChannel.IN_APP, enabled: true, config: { userIds: ['ada'] }, minLevel: AlertLevel.CRITICAL },
  ],
  rateLimit: { maxAlertsPerThreshold: 1, windowMs: 3_600_000 },
  enabled: true,
});
alerts.attach(tracker);

const stream = alerts.stream('ada');
await tracker.trackUsage({
  ...{ orchestratorId: 'support', sessionId: 'session-1', timestamp: new Date(), model: 'claude-sonnet-4-5' },
  ...{ promptTokens: 9000, completionTokens: 200, totalTokens: 9200 },
});
const { value } = await stream.next();
console.log(`stream: ${value.payload.title}`);
await alerts.acknowledgeAlert(value.payload.id, 'ada', { note: 'raising the budget' });
await alerts.resume('support');
const { totalAlerts, acknowledged } = await alerts.getAlertStats('support');
console.log(`${totalAlerts} alerts, ${acknowledged} acknowledged`);

await alerts.close();
await tracker.close();
receiver.close();
