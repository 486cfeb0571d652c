import { type TokenInput, TokenManager, type TokenManagerOptions } from '@wundr.io/token-budget/credentials';
import { type RateLimitConfig, RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import type { TestStore } from './stores';

/** Limiters and managers of tokens in this process, on a store; `closeAll` ends what is open. */
export function inProcess(store: () => TestStore) {
  const open: Array<RateLimitManager | TokenManager> = [];
  const closeOne = async (one: RateLimitManager | TokenManager) => {
    open.splice(open.indexOf(one), 1);
    await one.close();
  };
  return {
    limiter(config: RateLimitConfig): RateLimitManager {
      const made = new RateLimitManager({
        pacing: false,
        safety: { margin: 0 },
        commandTimeout: 10_000,
        ...config,
        redis: { ...store().redis, ...config.redis },
      });
      open.push(made);
      return made;
    },
    manager(tokens: Array<string | TokenInput>, options: TokenManagerOptions): TokenManager {
      const made = new TokenManager(tokens, {
        commandTimeout: 10_000,
        reserve: 0,
        ...options,
        redis: { ...store().redis, ...options.redis },
      });
      open.push(made);
      return made;
    },
    closeOne,
    closeAll: () => Promise.all(open.splice(0).map(one => one.close({ timeout: 1000 }))),
  };
}
