/** Jest itself, run in a project whose tests know the published package alone. */
import { join } from 'node:path';
import { createResolver } from '@wundr.io/token-budget/jest-resolver';
import { makeProject, type Project, PUBLISHED, root } from './support/project';

let project: Project;

const TEST = `
const { TokenBudgetTracker } = require('${PUBLISHED}/budget');
const { TokenBudgetTracker: Ours } = require('@wundr.io/token-budget');
const isOurs = process.env.EXPECT_OURS === 'yes';
test('the budget module', () => expect(TokenBudgetTracker === Ours).toBe(isOurs));
test('the root', () => expect(require('${PUBLISHED}').TokenBudgetTracker === Ours).toBe(isOurs));
test('a file of it', () => {
  const file = require('./node_modules/${PUBLISHED}/dist/budget/index.js');
  expect(file.TokenBudgetTracker === Ours).toBe(isOurs);
});
test('everything else is its own', () => {
  expect(require('${PUBLISHED}').SessionManager.name).toBe('SessionManager');
});
if (isOurs) test('and works', async () => {
  const tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 1000 } });
  expect(await tracker.checkBudget('one', 2000)).toMatchObject({ allowed: false });
  await tracker.disconnect();
});
`;

beforeAll(() => {
  project = makeProject();
  project.write('budget.test.js', TEST);
  project.write(
    'wrapped.cjs',
    `const { createResolver } = require('@wundr.io/token-budget/jest-resolver');
module.exports = createResolver((path, options) => {
  require('node:fs').appendFileSync(process.env.ASKED, path + '\\n');
  return options.defaultResolver(path, options);
});`,
  );
});
afterAll(() => project.remove());

async function jest(config: object, env: NodeJS.ProcessEnv) {
  const args = [
    join(root, 'node_modules/jest/bin/jest.js'),
    ...['--config', JSON.stringify({ rootDir: project.folder, testEnvironment: 'node', ...config })],
    ...['--runInBand', '--no-cache', '--watchman=false'],
  ];
  return project.node(args, { env });
}

const TIMEOUT_MS = 60_000;

test(
  'with the resolver tests get our classes',
  async () => {
    const resolver = '@wundr.io/token-budget/jest-resolver';
    const { code, output } = await jest({ resolver }, { EXPECT_OURS: 'yes' });
    expect(output).toContain('5 passed, 5 total');
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test.each([
  ['without it', {}, {}],
  [
    'and where the environment forbids it',
    { resolver: '@wundr.io/token-budget/jest-resolver' },
    { TOKEN_BUDGET_REGISTER: 'off' },
  ],
])(
  '%s they get the published ones',
  async (_, config, env) => {
    const { code, output } = await jest(config, { ...env, EXPECT_OURS: 'no' });
    expect(output).toContain('4 passed, 4 total');
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'a resolver of the project is asked for everything else',
  async () => {
    const asked = join(project.folder, 'asked.txt');
    const resolver = join(project.folder, 'wrapped.cjs');
    const { output } = await jest({ resolver }, { EXPECT_OURS: 'yes', ASKED: asked });
    expect(output).toContain('5 passed, 5 total');
    const { told } = await project.node([
      '-e',
      `console.log('@@' + JSON.stringify(require('node:fs').readFileSync('${asked}', 'utf8').split('\\n')))`,
    ]);
    expect(told[0]).toContain(PUBLISHED);
    expect(told[0]).toContain('eventemitter3');
    expect(told[0]).not.toContain(`${PUBLISHED}/budget`);
  },
  TIMEOUT_MS,
);

const options = {
  basedir: '/',
  defaultResolver: (path: string) => `default ${path}`,
  defaultAsyncResolver: async (path: string) => `async default ${path}`,
};
const budget = `${PUBLISHED}/budget`;

test('imports get the ES module, and each kind of resolver is used as Jest would', async () => {
  const plain = createResolver();
  expect(plain.sync(budget, options)).toBe(join(root, 'dist/budget.js'));
  expect(plain.sync(budget, { ...options, conditions: ['node', 'import'] })).toBe(
    join(root, 'dist/budget.mjs'),
  );
  expect(plain.sync('zod', options)).toBe('default zod');
  expect(await plain.async(budget, options)).toBe(join(root, 'dist/budget.js'));
  expect(await plain.async('zod', options)).toBe('async default zod');
  expect(createResolver(path => `own ${path}`).sync('zod', options)).toBe('own zod');
  const both = createResolver({ sync: path => `sync ${path}`, async: async path => `async ${path}` });
  expect(both.sync('zod', options)).toBe('sync zod');
  expect(await both.async('zod', options)).toBe('async zod');
  expect(await createResolver({ sync: path => `sync ${path}` }).async('zod', options)).toBe('sync zod');
});

test.each([[7], [{}], [null], ['a-resolver-that-is-not-there']])('%p is no resolver', inner => {
  const make = () => createResolver(inner as never);
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', field: 'resolver' }));
});
