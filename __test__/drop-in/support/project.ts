import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { publishedPackage } from '../../support/published';
import { start, temporaryFolder } from '../../support/system';

export const root = resolve(__dirname, '../../..');
export const PUBLISHED = '@wundr.io/orchestrator-daemon';
export const REGISTER = '@wundr.io/token-budget/register';

/** What the published package requires and is installed here. */
const INSTALLED = [
  ...['eventemitter3', 'redis', 'zod', 'yaml', 'ws', 'uuid', 'prom-client', 'openai', 'pg', 'commander'],
  'minimatch',
];
/**
 * What it requires and is not: the one makes calls to a model, the other reads `.env`. A call of the stand-in uses
 * 700 and 300 tokens, and waits for `globalThis.beforeAnswer` where a program has one. Nothing in it requires `@wundr.io/ai-integration`, which it names as a dependency.
 */
const STAND_INS: Record<string, string> = {
  '@adaptic/lumic-utils': `exports.lumic = {
  llm: {
    call: async prompt => {
      await globalThis.beforeAnswer?.();
      if (String(prompt).includes('fail')) throw new Error('the model failed');
      return { response: 'done', usage: { prompt_tokens: 700, completion_tokens: 300 } };
    },
  },
};
`,
  dotenv: 'exports.config = () => ({ parsed: {} });\n',
};

export interface Project {
  folder: string;
  /** Where the published package is; a copy, as npm would install it. */
  daemon: string;
  write(name: string, text: string): void;
  /** Runs Node in the project, to its end. */
  node(args: readonly string[], options?: { env?: NodeJS.ProcessEnv; node?: string }): Promise<Ended>;
  remove(): Promise<void>;
}

export interface Ended {
  code: number | string;
  output: string;
  /** What the program told with `console.log('@@' + JSON.stringify(...))`: daemons print much else. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests look at
  told: any[];
}

/** A project that has this package installed and, unless it is left out, the published one with what that needs. */
export function makeProject({ published = true } = {}): Project {
  const temporary = temporaryFolder('drop-in');
  const folder = temporary.path;
  const modules = join(folder, 'node_modules');
  const daemon = join(modules, PUBLISHED);
  mkdirSync(dirname(daemon), { recursive: true });
  symlinkSync(root, join(modules, '@wundr.io/token-budget'), 'junction');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'drop-in', private: true }));
  if (published) {
    for (const part of ['package.json', 'dist', 'bin']) {
      cpSync(join(publishedPackage(), part), join(daemon, part), { recursive: true });
    }
    for (const name of INSTALLED) {
      symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
    }
    for (const [name, code] of Object.entries(STAND_INS)) {
      mkdirSync(join(modules, name), { recursive: true });
      writeFileSync(join(modules, name, 'index.js'), code);
    }
  }
  return {
    folder,
    daemon,
    write: (name, text) => writeFileSync(join(folder, name), text),
    async node(args, { env = {}, node = process.execPath } = {}) {
      const program = await start(node, args, {
        cwd: folder,
        // What a Jest worker was started with is none of the program's; daemons read a folder in the home.
        env: { ...process.env, NODE_OPTIONS: '', HOME: folder, ...env },
      });
      const code = await program.ended;
      const output = program.output();
      const told = output
        .split('\n')
        .filter(line => line.startsWith('@@'))
        .map(line => JSON.parse(line.slice(2)));
      return { code, output, told };
    },
    remove: () => temporary.remove(),
  };
}

/** Every Node to try: this one, and those that the environment names, for trying newer ones. */
export const NODES = [process.execPath, ...(process.env.TOKEN_BUDGET_NODES ?? '').split(':').filter(Boolean)];
