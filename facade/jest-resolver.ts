/**
 * The entry `@wundr.io/token-budget/jest-resolver`: what `@wundr.io/token-budget/register` does, in tests.
 *
 * ```js
 * // jest.config.js
 * module.exports = { resolver: '@wundr.io/token-budget/jest-resolver' };
 * ```
 */
import { createResolver } from './register/jest';

export {
  createResolver,
  type JestResolver,
  type JestResolverOptions,
  type ResolverModule,
} from './register/jest';

/** Over Jest's own resolver. */
export const { sync, async } = createResolver();
