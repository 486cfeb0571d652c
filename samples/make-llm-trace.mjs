// Makes llm-trace-synthetic.csv beside it: a made-up trace of LLM requests, for trying things out. Nothing
// in it was measured. The same numbers come out every time:
//
//   node samples/make-llm-trace.mjs            writes the trace
//   node samples/make-llm-trace.mjs --check    fails when the committed trace is another one
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROWS = 500;
const START_MS = Date.UTC(2024, 0, 31, 22, 5, 0);
/** 500 requests in about two hours, over an hour's end, and the end of a day and of a month. */
const MEAN_GAP_MS = 14_400;
const LARGEST_CONTEXT_TOKENS = 8192;
const LARGEST_ANSWER_TOKENS = 2048;

/** Mulberry32, a small generator of even numbers in [0, 1). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = generator(20_240_131);

/** Log-normal: mostly near `median`, sometimes far above. */
function tokens(median, spread, largest) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(largest, Math.max(1, Math.round(median * Math.exp(spread * normal))));
}

/** Three kinds of calls, such as a fleet of agents makes: short questions, work on files, long reports. */
function request() {
  const kind = random();
  if (kind < 0.55) {
    return [tokens(420, 0.7, LARGEST_CONTEXT_TOKENS), tokens(110, 0.8, LARGEST_ANSWER_TOKENS)];
  }
  if (kind < 0.9) {
    return [tokens(2600, 0.6, LARGEST_CONTEXT_TOKENS), tokens(60, 0.9, LARGEST_ANSWER_TOKENS)];
  }
  return [tokens(900, 0.5, LARGEST_CONTEXT_TOKENS), tokens(700, 0.4, LARGEST_ANSWER_TOKENS)];
}

const lines = ['TIMESTAMP,ContextTokens,GeneratedTokens'];
let atMs = START_MS;
for (let row = 0; row < ROWS; row += 1) {
  // Exponential gaps: calls come in bunches.
  atMs += Math.round(-MEAN_GAP_MS * Math.log(1 - random()));
  const timestamp = new Date(atMs).toISOString().replace('T', ' ').replace('Z', '0000');
  lines.push([timestamp, ...request()].join(','));
}
const csv = `${lines.join('\n')}\n`;

const path = fileURLToPath(new URL('llm-trace-synthetic.csv', import.meta.url));
if (!process.argv.includes('--check')) {
  writeFileSync(path, csv);
} else if (readFileSync(path, 'utf8') !== csv) {
  console.error('samples/llm-trace-synthetic.csv is not what samples/make-llm-trace.mjs makes.');
  process.exitCode = 1;
}
