// Writes data/prices.json, the prices that the package knows, from the data of @pydantic/genai-prices (MIT), the
// development dependency. To refresh: npm install --save-dev --save-exact @pydantic/genai-prices@latest, then
//
//   node scripts/update-prices.mjs           writes data/prices.json and the licence beside it
//   node scripts/update-prices.mjs --check   writes nothing and fails when they are not what it would write
//
// The same version of the data gives the same file. Its date is that of the data's publication, asked of npm only when
// the version has changed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/entries.mjs';
import { pricesOf } from './prices/prices.mjs';
import { ruleOf } from './prices/rules.mjs';
import { readSource } from './prices/source.mjs';

const folder = join(root, 'data');
const pricesPath = join(folder, 'prices.json');
const licencePath = join(folder, 'prices-LICENSE.txt');
const FORMAT = 1;

/**
 * What a request in a batch pays, in percent of the price. The data does not say; these are what the providers say:
 * https://platform.claude.com/docs/en/build-with-claude/batch-processing
 * https://platform.openai.com/docs/guides/batch
 * https://learn.microsoft.com/azure/ai-services/openai/how-to/batch
 * https://ai.google.dev/gemini-api/docs/batch-api
 */
const BATCH_PERCENT = { anthropic: 50, openai: 50, azure: 50, google: 50 };

const { version, providers, licence } = readSource();
const text = render(snapshot());
if (process.argv.includes('--check')) {
  const stale = [
    [pricesPath, text],
    [licencePath, licence],
  ].filter(([path, wanted]) => !existsSync(path) || readFileSync(path, 'utf8') !== wanted);
  for (const [path] of stale) console.error(`${path} is stale. Run \`node scripts/update-prices.mjs\`.`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  mkdirSync(folder, { recursive: true });
  writeFileSync(pricesPath, text);
  writeFileSync(licencePath, licence);
}

function snapshot() {
  return {
    format: FORMAT,
    source: '@pydantic/genai-prices',
    licence: 'MIT, see prices-LICENSE.txt',
    version,
    date: dateOf(version),
    currency: 'USD',
    providers: providers.map(providerOf),
  };
}

function providerOf(provider) {
  return {
    id: provider.id,
    ...(provider.model_match && { models: ruleOf(provider.model_match) }),
    ...(provider.provider_match && { names: ruleOf(provider.provider_match) }),
    ...(provider.fallback_model_providers && { fallbacks: provider.fallback_model_providers }),
    ...(BATCH_PERCENT[provider.id] && { batchPercent: BATCH_PERCENT[provider.id] }),
    list: provider.models.map(model => ({
      id: model.id,
      match: ruleOf(model.match),
      prices: pricesOf(model.prices),
    })),
  };
}

/** When this version was published, `2026-09-23`. */
function dateOf(wanted) {
  const committed = existsSync(pricesPath) ? JSON.parse(readFileSync(pricesPath, 'utf8')) : {};
  if (committed.version === wanted) return committed.date;
  const answer = execFileSync('npm', ['view', '@pydantic/genai-prices', 'time', '--json'], {
    encoding: 'utf8',
  });
  const published = JSON.parse(answer)[wanted];
  if (published === undefined) throw new Error(`npm does not know version ${wanted} of the data`);
  return published.slice(0, 'yyyy-mm-dd'.length);
}

/** One model in a line, so that a change of prices can be read. */
function render({ providers: list, ...head }) {
  const lines = list.map(({ list: models, ...provider }) => {
    const inner = models.map(model => `    ${JSON.stringify(model)}`).join(',\n');
    return `  ${JSON.stringify(provider).slice(0, -1)},"list":[\n${inner}\n  ]}`;
  });
  return `${JSON.stringify(head).slice(0, -1)},"providers":[\n${lines.join(',\n')}\n]}\n`;
}
