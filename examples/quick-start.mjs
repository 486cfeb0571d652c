// Reserve before the call, settle after it. In memory: no server is needed.
import { TokenBudgetTracker } from '@wundr.io/token-budget';

const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 10_000, daily: 50_000 },
});

/** Stands for the call of a model. */
async function callModel(prompt) {
  return { text: `Echo: ${prompt}`, usage: { promptTokens: 900, completionTokens: 350 } };
}

async function ask(prompt, estimatedTokens) {
  const reservation = await tracker.reserveTokens('orchestrator-1', estimatedTokens, 'all');
  if (!reservation.success) {
    console.log(`refused: ${reservation.error}`);
    return null;
  }
  let actualTokens = 0;
  let usage;
  try {
    const answer = await callModel(prompt);
    usage = { ...answer.usage, model: 'claude-sonnet-4.5' };
    actualTokens = usage.promptTokens + usage.completionTokens;
    return answer.text;
  } finally {
    // 0 after a failed call: everything is given back.
    await tracker.releaseReservation(reservation.reservationId, actualTokens, usage);
  }
}

console.log(await ask('How are the tests?', 2000));
console.log(await ask('Read the whole repository', 20_000));

const stats = await tracker.getUsageStats('orchestrator-1', 'hourly');
console.log(`used ${stats.totalUsed} of ${stats.limit} tokens, ${stats.remaining} left`);
await tracker.close();
