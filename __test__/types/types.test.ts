import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type TemporaryFolder, temporaryFolder } from '../support/system';

/**
 * The fixtures are compiled, strictly, in a project that has this package as a dependency, once for
 * every way TypeScript resolves modules. So are the examples of the README.
 */
const root = resolve(__dirname, '../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('types');
});
afterAll(() => folder.remove());

const TIMEOUT_MS = 120_000;

test.each([
  ['node10', 'commonjs', { module: 'commonjs', moduleResolution: 'node10' }],
  ['node16 as CommonJS', 'commonjs', { module: 'node16', moduleResolution: 'node16' }],
  ['node16 as ES modules', 'module', { module: 'node16', moduleResolution: 'node16' }],
  ['bundler', 'module', { module: 'esnext', moduleResolution: 'bundler' }],
])(
  'the types are right under %s',
  async (name, type, options) => {
    const project = makeProject(name.replaceAll(' ', '-'), type, options);
    expect(await compile(project)).toBe('');
  },
  TIMEOUT_MS,
);

function makeProject(name: string, type: string, options: object): string {
  const project = join(folder.path, name);
  cpSync(join(__dirname, 'fixtures'), project, { recursive: true });
  writeReadmeExamples(project);
  if (type === 'module') {
    useExtensions(project);
  }
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@wundr.io'), { recursive: true });
  symlinkSync(root, join(modules, '@wundr.io/token-budget'));
  symlinkSync(join(root, 'node_modules/expect-type'), join(modules, 'expect-type'));
  symlinkSync(join(root, 'node_modules/@types'), join(modules, '@types'));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }));
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2022'], types: ['node'], strict: true, noEmit: true },
    // Our declarations themselves are checked once; it takes those of Node with it.
    ...{ skipLibCheck: type === 'module' || name === 'node10', ...options },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  return project;
}

/** Each TypeScript block of the README must stand on its own. */
function writeReadmeExamples(project: string): void {
  const blocks = readFileSync(join(root, 'README.md'), 'utf8').matchAll(
    /^```(?:ts|typescript)\n(.*?)^```$/gms,
  );
  for (const [index, [, code]] of [...blocks].entries()) {
    writeFileSync(join(project, `readme-${index + 1}.ts`), `${code}\nexport {};\n`);
  }
}

/** ES modules of Node name files with their extension. */
function useExtensions(project: string): void {
  for (const file of readdirSync(project).filter(name => name.endsWith('.ts'))) {
    const path = join(project, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll(/from '(\.\/[^']+)'/g, "from '$1.js'"));
  }
}

/** What the compiler has to say. */
async function compile(project: string): Promise<string> {
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: project });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
