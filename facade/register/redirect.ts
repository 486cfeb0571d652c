import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package whose budget module this one stands in for. */
export const PUBLISHED = '@wundr.io/orchestrator-daemon';
/** `0`, `false`, `no` or `off` in this variable of the environment: nothing is redirected. */
export const OPT_OUT = 'TOKEN_BUDGET_REGISTER';

/** Which of our two builds is wanted: they share every class. */
export type ModuleKind = 'import' | 'require';

const DIST = join(__dirname, '..');
/** `…/budget`, and the file behind it, which the package's own exports don't let through. */
const BUDGET = new RegExp(`^${PUBLISHED.replace('.', '\\.')}/(?:budget|dist/budget(?:/index(?:\\.js)?)?)$`);
/** A part of the module by name: `…/dist/budget/alert-system.js`. */
const PART = new RegExp(`^${PUBLISHED.replace('.', '\\.')}/dist/budget/([a-z-]+?)(?:\\.js)?$`);
/** A part of the module by its file, in whatever package. */
const PART_FILE = /^(.*)[\\/]dist[\\/]budget[\\/]([a-z-]+)\.js$/;

/**
 * Its parts and ours. The index of the published module stays: it passes on what its parts export, so that the
 * package's root gets our classes and not one name more.
 */
const PARTS: Readonly<Record<string, string>> = {
  types: 'register/parts/types.js',
  'token-tracker': 'register/parts/token-tracker.js',
  'cost-calculator': 'register/parts/cost-calculator.js',
  'usage-reporter': 'register/parts/usage-reporter.js',
  'alert-system': 'alerts.js',
  'alert-types': 'alerts.js',
};

const there = new Map<string, boolean>();
const owners = new Map<string, boolean>();

export function isOptedOut(environment: NodeJS.ProcessEnv = process.env): boolean {
  return /^(?:0|false|no|off)$/i.test(environment[OPT_OUT] ?? '');
}

/**
 * Our file for what somebody asks for by the name of the published package, whether or not that is installed;
 * `undefined` for everything else.
 *
 * @example
 * ```ts
 * forSpecifier('@wundr.io/orchestrator-daemon/budget', 'require'); // '…/dist/budget.js'
 * ```
 */
export function forSpecifier(specifier: string, kind: ModuleKind): string | undefined {
  if (!specifier.startsWith(PUBLISHED)) return undefined;
  if (BUDGET.test(specifier)) return join(DIST, kind === 'import' ? 'budget.mjs' : 'budget.js');
  const part = PART.exec(specifier)?.[1];
  return part === undefined ? undefined : ours(part);
}

/** Our file in place of a file that something was resolved to; `undefined` when that is none of the published module's. */
export function forFile(path: string): string | undefined {
  if (!path.includes('budget')) return undefined;
  const [, root, part] = PART_FILE.exec(path) ?? [];
  if (root === undefined || part === undefined || !isPublished(root)) return undefined;
  return ours(part);
}

function ours(part: string): string | undefined {
  const name = Object.hasOwn(PARTS, part) ? PARTS[part] : undefined;
  if (name === undefined) return undefined;
  const file = join(DIST, name);
  return remember(there, file, () => existsSync(file)) ? file : undefined;
}

/** By its manifest: a workspace may keep the package in a folder of any name. */
function isPublished(root: string): boolean {
  return remember(owners, root, () => {
    try {
      return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name === PUBLISHED;
    } catch {
      return false;
    }
  });
}

function remember(known: Map<string, boolean>, key: string, find: () => boolean): boolean {
  let answer = known.get(key);
  if (answer === undefined) {
    answer = find();
    known.set(key, answer);
  }
  return answer;
}
