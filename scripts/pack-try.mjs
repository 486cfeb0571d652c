// Packs the main package and the package of this platform as a release would, installs both tarballs in
// an empty project without network, and uses them: require, import, every entry, the bin.
//
//   node scripts/pack-try.mjs [folder]    the tarballs are kept in `folder` when one is given
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { entries, manifest, root } from './lib/entries.mjs';

const work = mkdtempSync(join(tmpdir(), 'token-budget-pack-'));
try {
  const tarballs = process.argv[2] ? resolve(process.argv[2]) : join(work, 'tarballs');
  mkdirSync(tarballs, { recursive: true });
  const main = pack(root, tarballs);
  const platform = packPlatform(tarballs);
  checkContents(main.files);
  const project = join(work, 'project');
  install(project, [main.tarball, platform.tarball]);
  use(project);
  console.log(`${basename(main.tarball)} and ${basename(platform.tarball)} install and run.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function run(command, args, cwd) {
  // On Windows npm is a batch file.
  const shell = process.platform === 'win32' && command === 'npm';
  return execFileSync(command, args, { cwd, encoding: 'utf8', shell, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** @returns {{ tarball: string, files: string[] }} */
function pack(folder, destination) {
  const answer = JSON.parse(
    run(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', destination],
      folder,
    ),
  );
  // npm 12 answers with an object by package name, earlier ones with an array.
  const [{ filename, files }] = Object.values(answer);
  return { tarball: join(destination, basename(filename)), files: files.map(file => file.path) };
}

/** npm/<platform> is committed without its binary: it is completed in a copy. */
function packPlatform(destination) {
  const binaries = readdirSync(join(root, 'native')).filter(file => file.endsWith('.node'));
  const loader = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
  const suffix = { linux: `-${loader}`, win32: '-msvc' }[process.platform] ?? '';
  const name = `${process.platform}-${process.arch}${suffix}`;
  const binary = `${manifest.napi.binaryName}.${name}.node`;
  if (!binaries.includes(binary)) {
    throw new Error(`native/${binary} is missing: run \`npm run build:native\``);
  }
  const folder = join(work, name);
  cpSync(join(root, 'npm', name), folder, { recursive: true });
  cpSync(join(root, 'native', binary), join(folder, binary));
  return pack(folder, destination);
}

function checkContents(files) {
  const wrong = files.filter(
    file => file.endsWith('.node') || /^(facade|src|__test__|scripts|target)\//.test(file),
  );
  if (wrong.length > 0) {
    throw new Error(`the main package must not contain ${wrong.join(', ')}`);
  }
  for (const needed of [
    'LICENSE',
    'README.md',
    'index.d.ts',
    'native/binding.js',
    'data/prices.json',
    ...targets(manifest),
  ]) {
    if (!files.includes(needed)) {
      throw new Error(`the main package must contain ${needed}`);
    }
  }
}

/** Every file that package.json points to. */
function targets({ main, types, bin, exports }) {
  const found = [main, types, ...Object.values(bin)];
  const collect = value =>
    typeof value === 'string' ? found.push(value) : Object.values(value).forEach(collect);
  collect(exports);
  return found.map(file => file.replace(/^\.\//, ''));
}

function install(project, tarballs) {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true }));
  const quiet = ['--offline', '--no-audit', '--no-fund', '--loglevel=error'];
  // What the package depends on comes from here, too: nobody knows what is in the cache of npm.
  const needed = Object.keys(manifest.dependencies).map(
    name => pack(join(root, 'node_modules', name), work).tarball,
  );
  run('npm', ['install', ...quiet, ...tarballs, ...needed], project);
}

function use(project) {
  const specifiers = entries.map(({ subpath }) => `${manifest.name}${subpath.slice(1)}`);
  writeFileSync(
    join(project, 'use.mjs'),
    `import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
for (const specifier of ${JSON.stringify(specifiers)}) {
  const imported = await import(specifier);
  const required = require(specifier);
  assert.ok(Object.keys(required).length > 0, specifier);
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) {
    assert.equal(imported[name], required[name], name);
  }
}
const { TokenBudgetTracker } = require(${JSON.stringify(manifest.name)});
const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 100 } });
assert.equal((await tracker.reserveTokens('one', 60, 'hourly')).success, true);
assert.equal((await tracker.reserveTokens('one', 60, 'hourly')).success, false);
await tracker.disconnect();
`,
  );
  run(process.execPath, ['use.mjs'], project);
  const published = '@wundr.io/orchestrator-daemon/budget';
  const isOurs = `if (require('${published}') !== require('${manifest.name}/budget')) throw new Error('not redirected')`;
  run(process.execPath, ['--import', `${manifest.name}/register`, '-e', isOurs], project);
  run('npm', ['exec', '--offline', '--loglevel=error', '--', 'token-budget', '--help'], project);
  run('npm', ['exec', '--offline', '--loglevel=error', '--', 'token-budget', 'replay'], project);
}
