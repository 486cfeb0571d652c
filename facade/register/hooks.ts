import { fileURLToPath, pathToFileURL } from 'node:url';
import { forFile, forSpecifier } from './redirect';

/** What Node asks a `resolve` hook with, and what that answers (https://nodejs.org/api/module.html#resolvespecifier-context-nextresolve). */
export interface ResolveContext {
  conditions: readonly string[];
}
export interface Resolved {
  url: string;
  format?: string | null;
  shortCircuit?: boolean;
}
type Next<Answer> = (specifier: string, context: ResolveContext) => Answer;

/** The hook of `module.register`, which Node runs in a thread of its own. */
export async function resolve(
  specifier: string,
  context: ResolveContext,
  nextResolve: Next<Resolved | Promise<Resolved>>,
): Promise<Resolved> {
  return bySpecifier(specifier, context) ?? redirected(await nextResolve(specifier, context));
}

/** The hook of `module.registerHooks`, which Node calls in this thread, for `require` as well. */
export function resolveSync(
  specifier: string,
  context: ResolveContext,
  nextResolve: Next<Resolved>,
): Resolved {
  return bySpecifier(specifier, context) ?? redirected(nextResolve(specifier, context));
}

function bySpecifier(specifier: string, { conditions }: ResolveContext): Resolved | undefined {
  const file = forSpecifier(specifier, conditions.includes('import') ? 'import' : 'require');
  return file === undefined ? undefined : { ...answerOf(file), shortCircuit: true };
}

function redirected(resolved: Resolved): Resolved {
  if (!resolved.url.startsWith('file:')) return resolved;
  const file = forFile(fileURLToPath(resolved.url));
  return file === undefined ? resolved : { ...resolved, ...answerOf(file) };
}

function answerOf(file: string): { url: string; format: string } {
  return { url: pathToFileURL(file).href, format: file.endsWith('.mjs') ? 'module' : 'commonjs' };
}
