import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ROOT } from '../harness/product.mjs';
import { ratioRow } from '../harness/rows.mjs';
import { summarize } from '../harness/statistics.mjs';

export const title = 'Loading the package';

const PROCESSES = 20;
const REQUIRE_MS_REACH = 20;
const ADDON_MB_REACH = 8; // 12 once all later parts are in

/** `require` in fresh processes, and the size of the addon it loads. */
export async function run({ scale, withProduct }) {
  const paths = createRequire(import.meta.url);
  const subjects = [
    ...(withProduct ? [['this package', ROOT]] : []),
    ...['ioredis', 'redis', 'rate-limiter-flexible'].map(name => [name, paths.resolve(name)]),
  ];
  const timesMs = new Map(subjects.map(([name]) => [name, []]));
  const runs = Math.max(5, scale(PROCESSES));
  let addons = [];
  for (let round = 0; round <= runs; round++) {
    for (const [name, path] of subjects) {
      const answer = requireInFreshProcess(path);
      // The first of all reads the files from disk.
      if (round > 0) timesMs.get(name).push(answer.ms);
      if (path === ROOT) addons = answer.addons;
    }
  }
  const row = (name, of, operation, unit, values) => ({
    name,
    of,
    operation,
    operationsPerTurn: 1,
    unit,
    ...summarize(values),
    note: '',
  });
  const measured = subjects.map(([name]) =>
    row(name, 'require', `require('${name}') in a fresh process`, 'ms', timesMs.get(name)),
  );
  if (!withProduct) return { measured, ratios: [] };
  const addonMb = addons.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
  measured.push(row('this package', 'addon', 'size of the addon that is loaded', 'MB', [addonMb]));
  const required = timesMs.get('this package').map(ms => ms / REQUIRE_MS_REACH);
  return {
    measured,
    ratios: [
      ratioRow(`require / ${REQUIRE_MS_REACH} ms`, 'this package', 'the reach', required, {
        reach: { atMost: 1 },
      }),
      ratioRow(`addon / ${ADDON_MB_REACH} MB`, 'this package', 'the reach', [addonMb / ADDON_MB_REACH], {
        reach: { atMost: 1 },
      }),
    ],
    notes: ['1 MB is 1,000,000 bytes.'],
  };
}

function requireInFreshProcess(path) {
  const program = `
    const begun = process.hrtime.bigint();
    require(${JSON.stringify(path)});
    const ms = Number(process.hrtime.bigint() - begun) / 1e6;
    const addons = process.report.getReport().sharedObjects.filter(file => file.endsWith('.node'));
    console.log(JSON.stringify({ ms, addons }));
    process.exit();`;
  return JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }));
}
