/** Programs that know nothing of this package, loaded after it: which classes they get. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeProject, NODES, type Project, PUBLISHED, REGISTER, root } from './support/project';

let project: Project;
let bare: Project;

/** Tells of each way to import: whether its classes are ours, and the names it has. */
const ASK = `
const ours = own.TokenBudgetTracker;
console.log('@@' + JSON.stringify({
  ours: Object.fromEntries(Object.entries(modules).map(([name, { TokenBudgetTracker }]) => [name, TokenBudgetTracker === ours])),
  resolved,
  names: modules.root && Object.keys(modules.root).filter(name => !/^(default|__esModule|module.exports)$/.test(name)),
}));
`;
const PROGRAMS: Record<string, string> = {
  'ask.cjs': `
const own = require('@wundr.io/token-budget');
const modules = {
  root: require('${PUBLISHED}'),
  budget: require('${PUBLISHED}/budget'),
  deep: require('${PUBLISHED}/dist/budget/index.js'),
  folder: require('${PUBLISHED}/dist/budget'),
  part: require('${PUBLISHED}/dist/budget/token-tracker.js'),
  file: require('./node_modules/${PUBLISHED}/dist/budget/index.js'),
};
const resolved = require.resolve('${PUBLISHED}/budget');
${ASK}`,
  'ask.mjs': `
import * as own from '@wundr.io/token-budget';
import * as root from '${PUBLISHED}';
import { TokenBudgetTracker } from '${PUBLISHED}';
import * as budget from '${PUBLISHED}/budget';
import * as deep from '${PUBLISHED}/dist/budget/index.js';
import * as part from '${PUBLISHED}/dist/budget/token-tracker.js';
import * as file from './node_modules/${PUBLISHED}/dist/budget/index.js';
const dynamic = await import('${PUBLISHED}/budget');
const modules = { root, named: { TokenBudgetTracker }, budget, deep, part, file, dynamic };
const resolved = import.meta.resolve('${PUBLISHED}/budget');
${ASK}`,
  'bare.cjs': `
const own = require('@wundr.io/token-budget');
const modules = { budget: require('${PUBLISHED}/budget') };
let resolved;
try { require('${PUBLISHED}'); } catch (error) { resolved = error.code; }
${ASK}`,
  'bare.mjs': `
import * as own from '@wundr.io/token-budget';
const modules = { budget: await import('${PUBLISHED}/budget') };
const resolved = await import('${PUBLISHED}').then(() => 'there', error => error.code);
${ASK}`,
  'worker.cjs': `
const { Worker } = require('node:worker_threads');
for (const file of ['ask.cjs', 'ask.mjs']) new Worker(require('node:path').join(__dirname, file));`,
  'child.cjs': `
const { fork, spawn } = require('node:child_process');
fork(require('node:path').join(__dirname, 'ask.cjs'));
spawn(process.execPath, [require('node:path').join(__dirname, 'ask.mjs')], { stdio: 'inherit' });`,
  'state.mjs': `
import Module from 'node:module';
const resolve = Module._resolveFilename;
const first = await import('@wundr.io/token-budget/register');
const { createRequire } = Module;
const second = createRequire(import.meta.url)('@wundr.io/token-budget/register');
console.log('@@' + JSON.stringify({
  first: first.isRegistered, second: second.isRegistered, once: Module._resolveFilename === resolve,
}));`,
};

beforeAll(() => {
  project = makeProject();
  bare = makeProject({ published: false });
  for (const [name, text] of Object.entries(PROGRAMS)) {
    project.write(name, text);
    bare.write(name, text);
  }
});
afterAll(() => Promise.all([project.remove(), bare.remove()]));

const WAYS = NODES.flatMap(node => ['--import', '--require'].map(how => [how, node] as const));
const CJS = ['root', 'budget', 'deep', 'folder', 'part', 'file'];
const ESM = ['root', 'named', 'budget', 'deep', 'part', 'file', 'dynamic'];
const all = (names: string[]) => Object.fromEntries(names.map(name => [name, true]));

describe.each(WAYS)('under %s of %s', (how, node) => {
  test('CommonJS and ES modules get our classes, by every name they have', async () => {
    const cjs = await project.node([how, REGISTER, 'ask.cjs'], { node });
    expect(cjs.told).toMatchObject([{ ours: all(CJS), resolved: join(root, 'dist/budget.js') }]);
    const esm = await project.node([how, REGISTER, 'ask.mjs'], { node });
    expect(esm.told).toMatchObject([{ ours: all(ESM) }]);
    expect(esm.told[0].resolved).toMatch(/dist\/budget\.mjs$/);
  });

  test('so do worker threads', async () => {
    const { told } = await project.node([how, REGISTER, 'worker.cjs'], { node });
    expect(told.map(one => one.ours)).toEqual(expect.arrayContaining([all(CJS), all(ESM)]));
    expect(told).toHaveLength(2);
  });

  test('and child processes, with NODE_OPTIONS', async () => {
    const env = { NODE_OPTIONS: `${how} ${REGISTER}` };
    const { told } = await project.node(['child.cjs'], { node, env });
    expect(told.map(one => one.ours)).toEqual(expect.arrayContaining([all(CJS), all(ESM)]));
    expect(told).toHaveLength(2);
  });

  test('without the published package its budget module is ours, and its root is missing', async () => {
    const cjs = await bare.node([how, REGISTER, 'bare.cjs'], { node });
    expect(cjs.told).toMatchObject([{ ours: { budget: true }, resolved: 'MODULE_NOT_FOUND' }]);
    const esm = await bare.node([how, REGISTER, 'bare.mjs'], { node });
    expect(esm.told).toMatchObject([{ ours: { budget: true }, resolved: 'ERR_MODULE_NOT_FOUND' }]);
  });
});

test('the root of the package has the names it has without us, and no other', async () => {
  project.write(
    'names.cjs',
    `console.log('@@' + JSON.stringify(Object.keys(require('${PUBLISHED}')).sort()));`,
  );
  project.write(
    'names.mjs',
    `import * as root from '${PUBLISHED}'; console.log('@@' + JSON.stringify(Object.keys(root).sort()));`,
  );
  for (const program of ['names.cjs', 'names.mjs']) {
    const [without] = (await project.node([program])).told;
    const [withUs] = (await project.node(['--import', REGISTER, program])).told;
    expect(without.length).toBeGreaterThan(600);
    expect(withUs).toEqual(without);
  }
});

test('the alert system follows once there is an entry for it', async () => {
  const there = existsSync(join(root, 'dist/alerts.js'));
  const program = `
const ask = name => { try { return require(name).BudgetAlertSystem; } catch (error) { return error.code; } };
const ours = ask('@wundr.io/token-budget/alerts');
const found = ['${PUBLISHED}/dist/budget/alert-system.js', './node_modules/${PUBLISHED}/dist/budget/alert-system'].map(ask);
console.log('@@' + JSON.stringify(found.map(one => typeof one === 'string' ? one : one === ours)));`;
  const { told } = await project.node(['--import', REGISTER, '-e', program]);
  expect(told).toEqual([there ? [true, true] : ['ERR_PACKAGE_PATH_NOT_EXPORTED', false]]);
});

test('registering twice is registering once', async () => {
  const args = ['--require', REGISTER, '--import', REGISTER, 'state.mjs'];
  expect((await project.node(args)).told).toEqual([{ first: true, second: true, once: true }]);
});

test.each(['0', 'off', 'FALSE', 'no'])('TOKEN_BUDGET_REGISTER=%s leaves everything as it is', async value => {
  const env = { TOKEN_BUDGET_REGISTER: value };
  const program = `console.log('@@' + JSON.stringify([
    require('${REGISTER}').isRegistered,
    require('${PUBLISHED}/budget').TokenBudgetTracker === require('@wundr.io/token-budget').TokenBudgetTracker,
    require.resolve('${PUBLISHED}/budget'),
  ]));`;
  const { told } = await project.node(['--import', REGISTER, '-e', program], { env });
  expect(told).toEqual([[false, false, join(project.daemon, 'dist/budget/index.js')]]);
});

test('a workspace may keep the package anywhere; a folder that looks like it is left alone', async () => {
  const workspace = join(project.folder, 'packages/daemon');
  const other = join(project.folder, 'node_modules/other');
  mkdirSync(join(project.folder, 'packages'));
  symlinkSync(project.daemon, workspace, 'junction');
  mkdirSync(join(other, 'dist/budget'), { recursive: true });
  writeFileSync(join(other, 'package.json'), '{ "name": "other" }');
  writeFileSync(join(other, 'dist/budget/token-tracker.js'), 'exports.TokenBudgetTracker = "its own";');
  project.write(
    'elsewhere.cjs',
    `const { TokenBudgetTracker } = require('@wundr.io/token-budget');
console.log('@@' + JSON.stringify([
  require('./packages/daemon/dist/budget').TokenBudgetTracker === TokenBudgetTracker,
  require('other/dist/budget/token-tracker').TokenBudgetTracker,
  typeof require('${PUBLISHED}/charter').BudgetTracker,
]));`,
  );
  const args = ['--preserve-symlinks', '--require', REGISTER, 'elsewhere.cjs'];
  expect((await project.node(args)).told).toEqual([[true, 'its own', 'function']]);
});
