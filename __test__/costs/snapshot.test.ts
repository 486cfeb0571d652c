/** The prices that are shipped are those of `@pydantic/genai-prices`, and cost what it says. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { calcPrice, type Usage } from '@pydantic/genai-prices';
import { CostCalculator } from '@wundr.io/token-budget/budget';

const root = join(__dirname, '..', '..');
const calculator = new CostCalculator({ unknownModel: 'reject' });

interface Snapshot {
  version: string;
  date: string;
  providers: Array<{ id: string; list: Array<{ id: string; prices: object[] }> }>;
}
const snapshot = JSON.parse(readFileSync(join(root, 'data/prices.json'), 'utf8')) as Snapshot;

test('the committed prices are what the script makes', async () => {
  const script = join(root, 'scripts/update-prices.mjs');
  // Rejects when it ends with another status than 0.
  await expect(
    promisify(execFile)(process.execPath, [script, '--check'], { cwd: root }),
  ).resolves.toMatchObject({ stderr: '' });
});

test('they say whose they are, which version, and of which day', () => {
  const main = require.resolve('@pydantic/genai-prices');
  const { version } = JSON.parse(readFileSync(join(main, '../../package.json'), 'utf8'));
  expect(snapshot.version).toBe(version);
  expect(snapshot.date).toMatch(/^20\d\d-\d\d-\d\d$/);
  expect(calculator.pricesVersion).toBe(`genai-prices ${version} (${snapshot.date})`);
  expect(readFileSync(join(root, 'data/prices-LICENSE.txt'), 'utf8')).toContain('Pydantic Services Inc.');
});

interface Tokens extends Usage {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  output_reasoning_tokens: number;
}

function tokens(input: number, output: number, read = 0, write = 0, reasoning = 0): Tokens {
  return {
    input_tokens: input,
    output_tokens: output,
    cache_read_tokens: read,
    cache_write_tokens: write,
    output_reasoning_tokens: reasoning,
  };
}

/** Both sides in micro-units; ours are exact, theirs are floating point. */
function expectEqual(modelId: string, provider: string | undefined, usage: Tokens, timestamp: Date): void {
  const theirs = calcPrice({ ...usage }, modelId, { timestamp, ...(provider && { providerId: provider }) });
  const ours = calculator.costOf({
    modelId,
    ...(provider && { provider }),
    timestamp,
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_tokens,
    cacheWriteTokens: usage.cache_write_tokens,
    reasoningTokens: usage.output_reasoning_tokens,
  });
  const difference = Number(ours.inputPico + ours.outputPico) / 1e6 - (theirs?.total_price ?? NaN) * 1e6;
  if (!(Math.abs(difference) < 0.5)) throw new Error(`${provider} ${modelId}: ${difference} micro-units off`);
  expect(ours.model).toBe(theirs?.model.id);
}

const USAGES = [
  tokens(1_000, 500),
  tokens(123_457, 7_919, 100_003, 20_011),
  tokens(200_000, 1),
  tokens(200_001, 1),
  tokens(272_000, 4_099, 1_009),
  tokens(900_007, 64_063, 800_011, 50_021, 60_013),
  tokens(0, 0),
];
const DAYS = ['2024-02-29T00:00:00Z', '2025-06-10T00:00:00Z', '2026-08-21T03:30:00Z', '2026-11-01T17:00:00Z'];

test.each([
  ['claude-sonnet-4-5', undefined],
  ['claude-sonnet-4.5', undefined],
  ['claude-sonnet-4-5-20250929', 'anthropic'],
  ['claude-opus-4-1-20250805', undefined],
  ['claude-opus-4-6', undefined],
  ['claude-3-haiku-20240307', undefined],
  ['gpt-4o', undefined],
  ['gpt-4o-2024-08-06', 'openai'],
  ['gpt-5', 'azure'],
  ['gpt-5.6-sol', undefined],
  ['gpt-5.6-luna-2026-07-30', 'openai'],
  ['o3', undefined],
  ['gemini-2.5-pro', undefined],
  ['gemini-2.5-flash', 'vertex'],
  ['claude-sonnet-4-5@20250929', 'google'],
  ['deepseek-chat', undefined],
  ['deepseek-v4-pro', 'deepseek'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'bedrock'],
  ['global.anthropic.claude-opus-4-5-v1:0', 'aws'],
  ['meta-llama/llama-3.1-8b-instruct', 'openrouter'],
  ['sonar-deep-research', 'perplexity'],
  ['sonar-pro', 'perplexity'],
  ['grok-4', 'x-ai'],
  ['mistral-large-latest', undefined],
])('%s of %s costs the same to the last micro-unit', (modelId, provider) => {
  for (const usage of USAGES) {
    for (const day of DAYS) expectEqual(modelId, provider, usage, new Date(day));
  }
});

test('so does every model of every provider, under its own name', () => {
  const timestamp = new Date('2026-09-01T12:00:00Z');
  let compared = 0;
  for (const { id: provider, list } of snapshot.providers) {
    for (const { id: modelId } of list) {
      const theirs = calcPrice(tokens(1_000, 500), modelId, { providerId: provider, timestamp });
      // Paid by the hour or the picture; or the first model that matches this name is another one, which is.
      const paid = snapshot.providers
        .find(({ id }) => id === provider)
        ?.list.find(({ id }) => id === theirs?.model.id);
      if (theirs === null || !paid || paid.prices.length === 0) continue;
      // The published module's price wins for this name; see docs/costs.md.
      if (modelId === 'gemini-pro') continue;
      expectEqual(modelId, provider, tokens(300_007, 1_009, 1_013, 211, 307), timestamp);
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(1_400);
});
