import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TokenBudgetError } from '../errors';
import * as check from '../validate';
import { forFile, forSpecifier, isOptedOut } from './redirect';

/** What this uses of the options that Jest gives a resolver (https://jestjs.io/docs/configuration#resolver-string). */
export interface JestResolverOptions {
  basedir: string;
  conditions?: readonly string[];
  defaultResolver(path: string, options: never): string;
  /** Jest 30 and later. */
  defaultAsyncResolver?(path: string, options: never): Promise<string>;
}

/** A resolver as Jest accepts one. */
export type ResolverModule =
  | ((path: string, options: never) => string)
  | {
      sync?(path: string, options: never): string;
      async?(path: string, options: never): Promise<string>;
    };

/** What Jest loads. */
export interface JestResolver {
  sync(path: string, options: JestResolverOptions): string;
  async(path: string, options: JestResolverOptions): Promise<string>;
}

/**
 * A resolver for Jest that redirects to this package, and leaves the rest to `inner`: a resolver, or the name of one
 * as the current folder would require it. Default: Jest's own. Throws `INVALID_CONFIG`.
 *
 * @example
 * ```js
 * // resolver.cjs, in jest.config.js: { resolver: './resolver.cjs' }
 * const { createResolver } = require('@wundr.io/token-budget/jest-resolver');
 * module.exports = createResolver('ts-jest-resolver');
 * ```
 */
export function createResolver(inner?: string | ResolverModule): JestResolver {
  const rest = readInner(inner);
  const isOff = isOptedOut();
  const asked = (path: string, { conditions }: JestResolverOptions) =>
    isOff ? undefined : forSpecifier(path, conditions?.includes('import') ? 'import' : 'require');
  const instead = (file: string) => (isOff ? undefined : forFile(file)) ?? file;
  return {
    sync(path, options) {
      const next = rest.sync ?? options.defaultResolver;
      return asked(path, options) ?? instead(next(path, options as never));
    },
    async async(path, options) {
      const next = rest.async ?? rest.sync ?? options.defaultAsyncResolver ?? options.defaultResolver;
      return asked(path, options) ?? instead(await next(path, options as never));
    },
  };
}

type Inner = Exclude<ResolverModule, (...args: never) => string>;

function readInner(inner: unknown): Inner {
  if (inner === undefined) return {};
  const given = typeof inner === 'string' ? load(inner) : inner;
  if (typeof given === 'function') return { sync: given as NonNullable<Inner['sync']> };
  const { sync, async } = (given ?? {}) as Inner;
  if (typeof sync !== 'function' && typeof async !== 'function') {
    const { message } = check.invalid('resolver', 'a function, or an object with sync or async', given);
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: 'resolver' });
  }
  return { ...(sync && { sync }), ...(async && { async }) };
}

/** Compiled ES modules keep their resolver under `default`. */
function load(name: string): unknown {
  try {
    const loaded = createRequire(join(process.cwd(), 'jest.config.js'))(name) as { default?: unknown };
    return typeof loaded === 'object' && loaded?.default !== undefined ? loaded.default : loaded;
  } catch (cause) {
    const message = `resolver: ${JSON.stringify(name)} cannot be loaded`;
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: 'resolver', cause });
  }
}
