import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveSync } from './hooks';
import { forFile, forSpecifier, isOptedOut } from './redirect';

/** What this uses of Node's class `Module`. The types of Node 20 know neither. */
interface ModuleClass {
  _resolveFilename(request: string, parent: unknown, isMain: boolean, options?: unknown): string;
  registerHooks?(hooks: { resolve: typeof resolveSync }): unknown;
  register(specifier: URL): void;
}

/** Shared by all copies of this package in one thread: the first one redirects. */
const INSTALLED = Symbol.for('@wundr.io/token-budget/register');

/** Redirects from now on, in this thread; once, and not at all where the environment says so. Answers whether it does. */
export function install(): boolean {
  if (isOptedOut()) return false;
  const module = nodeModule.Module as unknown as ModuleClass & { [INSTALLED]?: true };
  if (module[INSTALLED]) return true;
  Object.defineProperty(module, INSTALLED, { value: true });
  redirectRequire(module);
  redirectImport(module);
  return true;
}

/**
 * `require`, `require.resolve`, and the names that `import` finds in a CommonJS module: all of them ask this method.
 * No public hook does as much on Node 20.
 */
function redirectRequire(module: ModuleClass): void {
  const original = module._resolveFilename;
  module._resolveFilename = function resolveFilename(request, parent, isMain, options) {
    const asked = typeof request === 'string' ? forSpecifier(request, 'require') : undefined;
    if (asked !== undefined) return asked;
    const file = original.call(this, request, parent, isMain, options);
    return forFile(file) ?? file;
  };
}

/** `module.register` runs its hooks in another thread and costs its start: only where there is nothing newer. */
function redirectImport(module: ModuleClass): void {
  if (typeof module.registerHooks === 'function') module.registerHooks({ resolve: resolveSync });
  else module.register(pathToFileURL(join(__dirname, 'hooks.js')));
}
