'use strict';
/** Records without end, and says of each usage when it is acknowledged. */
const { UsageReporter } = require('../../dist/budget.js');

const [path, name] = process.argv.slice(2);
const reporter = new UsageReporter({}, path);
let made = 0;

async function record() {
  for (;;) {
    const id = `${name}-${made++}`;
    await reporter.recordUsage({
      ...{ id, orchestratorId: 'orchestrator-1', sessionId: name, timestamp: new Date(), toolName: 'shell' },
      ...{ modelId: 'gpt-4o', provider: 'openai', inputTokens: 10, outputTokens: 5, totalTokens: 15 },
    });
    process.stdout.write(`${id}\n`);
  }
}
for (let at = 0; at < 20; at++) record();
