import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { installPeers } from './harness/install.mjs';
import { HELP, readOptions } from './harness/options.mjs';

// In the order they are measured; each has a file in figures/.
const FIGURES = [
  'sequential',
  'throughput',
  'published-tracker',
  'main-thread',
  'embedded',
  'constant-cost',
  'redis-memory',
  'rate-limit-embedded',
  'rate-limit-redis',
  'rolling-window',
  'credentials',
  'timers-create',
  'timers-lateness',
  'breaker',
  'storage',
  'ledger',
  'reports',
  'package',
];

const options = readOptions(process.argv.slice(2), FIGURES);
if (options.help) {
  console.log(HELP.replace('FIGURES', FIGURES.join(', ')));
  process.exit();
}

// So that what runs at exit, such as stopping servers, runs then too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

installPeers();
// Only now: they import the peers.
const { startRedis } = await import('./harness/redis-server.mjs');
const { describeMachine } = await import('./harness/machine.mjs');
const { runFigure } = await import('./harness/figure-runner.mjs');
const { formatFigure } = await import('./harness/table.mjs');
const { loadProduct } = await import('./harness/product.mjs');

if (!options.peers) requireBuild();
const report = {
  at: new Date().toISOString(),
  machine: describeMachine(options.redis),
  versions: versions(),
  options: pick(options, ['rounds', 'quick', 'peers', 'unpinned', 'node', 'records']),
  figures: [],
};
console.log(
  Object.entries({ ...report.machine, ...report.versions })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n'),
);
if (options.quick) console.log('\n--quick: these are not figures.');

const server = await startRedis({ executable: options.redis });
try {
  for (const name of options.only) {
    const task = {
      port: server.port,
      rounds: options.rounds,
      quick: options.quick,
      records: options.records,
      executable: options.redis,
      withProduct: !options.peers,
      pinned: !options.unpinned,
    };
    const figure = await runFigure(
      name,
      new URL(`./figures/${name}.mjs`, import.meta.url),
      task,
      options.node,
    );
    report.figures.push(figure);
    console.log(formatFigure(figure));
  }
} finally {
  await server.stop();
}

writeReport();
const missed = report.figures.flatMap(figure => figure.ratios).filter(({ verdict }) => verdict === 'miss');
const failed = report.figures.filter(({ error }) => error);
console.log(`${missed.length} missed, ${failed.length} could not be measured.`);
// A time is never a reason to fail by itself; a figure that could not be measured is.
if (failed.length > 0 || (options.assert && missed.length > 0)) process.exitCode = 1;

function pick(source, names) {
  return Object.fromEntries(names.map(name => [name, source[name]]));
}

function requireBuild() {
  try {
    loadProduct();
  } catch (error) {
    console.error(`The package is not built (npm run build), or cannot be loaded: ${error.message}`);
    process.exit(1);
  }
}

function versions() {
  const read = path => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  const peer = name => read(`./node_modules/${name}/package.json`).version;
  // It is compiled when it is installed, and left out where that fails.
  const optionalPeer = name => {
    try {
      return peer(name);
    } catch {
      return 'not installed';
    }
  };
  return {
    ...(options.peers ? {} : { 'token-budget': read('../package.json').version }),
    ioredis: peer('ioredis'),
    'node-redis': peer('redis'),
    'rate-limiter-flexible': peer('rate-limiter-flexible'),
    bottleneck: peer('bottleneck'),
    'p-queue': peer('p-queue'),
    limiter: peer('limiter'),
    'token-dealer': peer('token-dealer'),
    bullmq: peer('bullmq'),
    cockatiel: peer('cockatiel'),
    opossum: peer('opossum'),
    'better-sqlite3': optionalPeer('better-sqlite3'),
    'published tracker': read('./published/package/package.json').version,
  };
}

function writeReport() {
  const file = `results/${report.at.replaceAll(':', '-').replace(/\.\d+/, '')}.json`;
  mkdirSync(new URL('./results/', import.meta.url), { recursive: true });
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nWritten to bench/${file}`);
}
