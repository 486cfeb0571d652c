// What calls cost: exactly, by model, in another currency, and what a model costs that nobody knows.
import { CostCalculator } from '@wundr.io/token-budget/budget';

const calculator = new CostCalculator({
  unknownModel: 'reject',
  currencyRates: { EUR: '0.8631' },
  prices: [
    {
      modelId: 'our-llama',
      provider: 'custom',
      inputTokenCost: 0.2,
      outputTokenCost: 0.6,
      currency: 'EUR',
      effectiveDate: new Date('2026-01-01'),
    },
  ],
});

/** Pico-units as dollars, exactly. */
function dollars(pico) {
  return `${pico / 10n ** 12n}.${(pico % 10n ** 12n).toString().padStart(12, '0')}`;
}

const call = { modelId: 'claude-sonnet-4.5', inputTokens: 120_000, outputTokens: 800 };
for (const [what, usage] of [
  ['as it is', call],
  ['cached', { ...call, cacheReadTokens: 110_000 }],
  ['in a batch', { ...call, batch: true }],
  ['long', { ...call, inputTokens: 240_000 }],
]) {
  const { inputPico, outputPico } = calculator.costOf(usage);
  console.log(`${what}: ${dollars(inputPico + outputPico)} USD`);
}

console.log(`at most ${calculator.estimateCost('gpt-4o', 3_000, 1_000).amount} USD for a call`);

const records = ['gpt-4o', 'our-llama'].map((modelId, index) => ({
  id: `record-${index}`,
  orchestratorId: 'orchestrator-1',
  sessionId: 'session-1',
  timestamp: new Date(`2026-09-0${index + 1}T12:00:00Z`),
  modelId,
  provider: index === 0 ? 'openai' : 'custom',
  inputTokens: 1_000_000,
  outputTokens: 100_000,
  totalTokens: 1_100_000,
}));
const { totalCost, breakdown, projection } = calculator.calculateCostEstimate(records, 'EUR', true, 'weekly');
for (const { modelId, totalCost: cost, percentage } of breakdown) {
  console.log(`${modelId}: ${cost.toFixed(2)} EUR, ${percentage.toFixed(1)}%`);
}
const { projectedCost, basedOnDays } = projection;
console.log(`${totalCost.toFixed(2)} EUR; a week would be ${projectedCost.toFixed(2)} by ${basedOnDays} day`);

try {
  calculator.costOf({ ...call, modelId: 'nobody-knows' });
} catch ({ code, field }) {
  console.log(`${code}: ${field}`);
}
