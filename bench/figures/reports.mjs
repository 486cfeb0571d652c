import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../harness/disk.mjs';
import { lastDays } from '../harness/records.mjs';
import { REPORTERS } from '../harness/reporters.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';

export const title = 'A report of 90 days, grouped by model';

const RECORDS = 1_000_000;
/** What the published reporter is asked to hold. */
const PUBLISHED_RECORDS = 100_000;
const MEMORY_PROCESS = new URL('../harness/report-memory-process.mjs', import.meta.url);
const NAMES = {
  ours: 'getReport',
  plainQuery: 'better-sqlite3, one query by model',
  plainReport: 'better-sqlite3, all that a report tells',
  published: 'published reporter',
};
const OPERATIONS = {
  ours: "getReport({ granularity: 'daily', groupBy: ['model'] })",
  plainQuery: 'sums of tokens and cost by model over an index on time',
  plainReport: 'the same, sums of each day, distinct orchestrators and sessions, the greatest usage',
  published: 'getReport, the same parameters; records in memory',
};

export async function run({ rounds, scale, withProduct, records }) {
  const large = records ?? scale(RECORDS);
  const small = Math.min(large, scale(PUBLISHED_RECORDS));
  const disk = makeFolder();
  const result = { measured: [], ratios: [], notes: [] };
  try {
    const plain = ['plainQuery', 'plainReport'];
    const ours = withProduct ? ['ours'] : [];
    await measureSize(result, disk.folder, large, [...plain, ...ours], rounds);
    await measureSize(result, disk.folder, small, ['published', ...ours], rounds);
  } finally {
    disk.remove();
  }
  result.notes.push(
    disk.isInMemory
      ? 'THE FILES WERE IN MEMORY (tmpfs).'
      : 'Files lie in bench/.cache and are in the page cache.',
    'Memory: how far a process that opens the records and makes one report grows; for the published one with its records.',
  );
  return result;
}

async function measureSize(result, folder, count, names, rounds) {
  const time = lastDays();
  const words = `${count.toLocaleString('en-US')} records`;
  const place = join(folder, String(result.measured.length));
  mkdirSync(place);
  const sides = new Map();
  const filled = [];
  for (const name of names) {
    const reporter = await REPORTERS[name](place);
    if (reporter === undefined) {
      result.notes.push('better-sqlite3 could not be installed here.');
      continue;
    }
    // Both plain sides read one table.
    const file = name.startsWith('plain') ? 'plain' : name;
    if (!filled.includes(file)) {
      const begunMs = performance.now();
      await reporter.fill(count, time);
      const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
      result.notes.push(`${NAMES[name]}: ${words} were written in ${seconds} s.`);
      filled.push(file);
    }
    const turn = async turnCount => {
      for (let index = 0; index < turnCount; index++) {
        const found = await reporter.report(time);
        if (found !== count) throw new Error(`${NAMES[name]} told of ${found} records, not ${count}`);
      }
    };
    const operation = OPERATIONS[name];
    sides.set(name, { name: `${NAMES[name]}, ${words}`, operation, count: 1, turn, reporter });
  }
  const samples = await measureRounds([...sides.values()], { rounds });
  for (const { reporter } of sides.values()) await reporter.close();
  for (const [name, side] of sides) {
    result.measured.push(measured(side, samples, 'latency'), measured(side, samples, 'mainThread'));
    const bytes = await memoryOf({ name, folder: place, count, fills: name === 'published', time });
    const mebibytes = bytes / 2 ** 20;
    result.measured.push({
      ...{ name: side.name, of: 'memory', operation: side.operation, operationsPerTurn: 1, unit: 'MiB' },
      ...{ median: mebibytes, min: mebibytes, max: mebibytes, note: '' },
    });
  }
  const ours = sides.get('ours');
  if (ours === undefined) return;
  for (const [name, side] of sides) {
    if (name === 'ours') continue;
    // How many times as fast: times the other way round.
    const row = ratio(`${NAMES[name]} / getReport, ${words}`, side, ours, samples, 'latency', {
      reach: { atLeast: 1 },
    });
    result.ratios.push(row);
  }
}

async function memoryOf(task) {
  const child = fork(MEMORY_PROCESS, { execArgv: [] });
  child.send(task);
  const ended = once(child, 'exit');
  const [bytes] = await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`the process that measures memory ended with ${code}`))),
  ]);
  await ended;
  return bytes;
}
