import { join } from 'node:path';
import { type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { type RedisServer, startRedis } from '../support/redis';
import { type TemporaryFolder, temporaryFolder } from '../support/system';

export interface Trackers {
  /** The names of the stores, for `describe.each`. */
  stores: readonly string[];
  /** A configuration of a store that nobody has used, for each call another one. */
  configOf(store: string): BudgetConfig;
  /** One that is closed after the test. */
  open(config: BudgetConfig): TokenBudgetTracker;
}

/** Trackers over everything that keeps state: memory, disk and Redis, each started for the file that calls this. */
export function trackersOverStores(name: string): Trackers {
  let server: RedisServer;
  let folder: TemporaryFolder;
  let number = 0;
  const open: TokenBudgetTracker[] = [];
  const configs: Record<string, () => BudgetConfig> = {
    memory: () => ({ memory: { name: `${name}-${number}` } }),
    disk: () => ({ storage: join(folder.path, `${name}-${number}.db`) }),
    Redis: () => ({ redis: { port: server.port, keyPrefix: `${name}-${number}` } }),
  };
  beforeAll(async () => {
    server = await startRedis();
    folder = temporaryFolder(name);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map(one => one.close({ timeout: 1000 })));
  });
  afterAll(async () => {
    await server.stop();
    folder.remove();
  });
  return {
    stores: Object.keys(configs),
    configOf(store) {
      number += 1;
      return { commandTimeout: 10_000, ...configs[store]?.() };
    },
    open(config) {
      const made = new TokenBudgetTracker(config);
      open.push(made);
      return made;
    },
  };
}
