import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type TemporaryFolder, temporaryFolder } from '../support/system';

const root = resolve(__dirname, '../..');
const TIMEOUT_MS = 120_000;

let folder: TemporaryFolder;
let tried: Promise<string>;

beforeAll(() => {
  folder = temporaryFolder('tarballs');
  tried = run(process.execPath, [join(root, 'scripts/pack-try.mjs'), folder.path]);
  // Every test waits for it; one that fails says so there.
  tried.catch(() => {});
});
afterAll(() => folder.remove());

test(
  'the packed package installs and runs in an empty project',
  async () => {
    expect(await tried).toContain('install and run.');
  },
  TIMEOUT_MS,
);

test(
  'attw has nothing to say about the packed types',
  async () => {
    await tried;
    const output = await run(bin('attw'), [main(), '--format', 'ascii', '--no-color', '--no-emoji']);
    expect(output).toContain('No problems found');
  },
  TIMEOUT_MS,
);

test(
  'publint has nothing to say about the packed package',
  async () => {
    await tried;
    const output = await run(bin('publint'), [main(), '--strict']);
    expect(output).toContain('All good');
  },
  TIMEOUT_MS,
);

function bin(name: string): string {
  return join(root, 'node_modules/.bin', name);
}

function main(): string {
  const name = readdirSync(folder.path).find(file => /^wundr\.io-token-budget-\d.*\.tgz$/.test(file));
  return join(folder.path, name as string);
}

/** What a program writes; when it fails, everything it wrote is in the error. */
async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { cwd: root })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} failed:\n${stdout}\n${stderr}`);
  }
}
