/** The costs of real traffic by the published module's calculator and by ours, where the traces are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CostCalculator, type TokenUsageRecord } from '@wundr.io/token-budget/budget';
import { expectSame, PUBLISHED_MODELS, publishedModule, record } from './helpers';

const folder = join(__dirname, '../../../shared/data');
const present = existsSync(join(folder, 'azure-llm-conv-2023.csv'));
const title = present ? '' : ' (skipped: no ../shared/data)';
const testWithTraces = present ? test : test.skip;

/** Each request by another of the published module's models, in turn. */
function recordsOf(file: string): TokenUsageRecord[] {
  const lines = readFileSync(join(folder, file), 'utf8').trim().split('\n').slice(1);
  return lines.map((line, index) => {
    const [at = '', input, output] = line.split(',');
    return record({
      modelId: PUBLISHED_MODELS[index % PUBLISHED_MODELS.length] as string,
      timestamp: new Date(`${at.slice(0, 23).replace(' ', 'T')}Z`),
      inputTokens: Number(input),
      outputTokens: Number(output),
    });
  });
}

testWithTraces.each([
  ['azure-llm-conv-2023.csv', 19_366],
  ['azure-llm-code-2023.csv', 8_819],
])(`%s: totals, rows and projections are the same${title}`, (file, requests) => {
  const records = recordsOf(file);
  expect(records).toHaveLength(requests);
  for (const currency of ['USD', 'EUR', 'GBP'] as const) {
    const calculator = new (publishedModule().CostCalculator)();
    const theirs = calculator.calculateCostEstimate(records, currency, true, 'monthly');
    const ours = new CostCalculator().calculateCostEstimate(records, currency, true, 'monthly');
    expectSame(ours.totalCost, theirs.totalCost);
    expect(ours.breakdown.map(row => row.modelId)).toEqual(theirs.breakdown.map(row => row.modelId));
    ours.breakdown.forEach((row, index) => {
      const theirRow = theirs.breakdown[index];
      expect(row.inputTokens).toBe(theirRow?.inputTokens);
      expectSame(row.inputCost, theirRow?.inputCost ?? NaN);
      expectSame(row.outputCost, theirRow?.outputCost ?? NaN);
    });
    const { projectedCost = NaN, ...basis } = theirs.projection ?? {};
    expect(ours.projection).toMatchObject(basis);
    expectSame(ours.projection?.projectedCost ?? NaN, projectedCost);
  }
});

testWithTraces(`the sum of exact costs is the exact cost of the sum${title}`, () => {
  const calculator = new CostCalculator();
  const records = recordsOf('azure-llm-conv-2023.csv').map(one => ({ ...one, modelId: 'gpt-4o' }));
  let pico = 0n;
  let [input, output] = [0n, 0n];
  for (const one of records) {
    const { inputPico, outputPico } = calculator.costOf({ ...one, provider: 'openai' });
    pico += inputPico + outputPico;
    input += BigInt(one.inputTokens);
    output += BigInt(one.outputTokens);
  }
  // 2.50 and 10 dollars for a million.
  expect(pico).toBe(input * 2_500_000n + output * 10_000_000n);
});
