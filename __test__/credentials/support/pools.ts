import { EventEmitter } from 'node:events';
import { join, resolve } from 'node:path';
import type { PoolBackend, PoolPolicy } from '../../../facade/credentials/pool-backend';

const dist = resolve(__dirname, '../../../dist');
const { openPools } = require(
  join(dist, 'backend/open-pools.js'),
) as typeof import('../../../facade/backend/open-pools');
const { Telling } = require(join(dist, 'telling.js')) as typeof import('../../../facade/telling');

const POLICY: PoolPolicy = {
  credentials: [],
  reserve: { requests: 0 },
  cooldownMs: 1000,
  cooldownMaxMs: 1000,
  requestTtlMs: 1000,
};

/** What is kept in the pool of a manager without a name, seen past the manager. */
export function poolsIn(memory: { name: string }) {
  const backend: PoolBackend = openPools({ memory }, new Telling(new EventEmitter()));
  const pool = 'github/default';
  return {
    kept: () => backend.kept(pool, POLICY),
    keep: (fingerprint: string, account: string, sealed: string) =>
      backend.keep(pool, POLICY, fingerprint, account, sealed),
  };
}
