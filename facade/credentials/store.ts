import type { RedisOptions } from '../types/config';
import type { PoolBackend } from './pool-backend';

/** Where the state of the tokens lives; the same options as those of `TokenBudgetTracker`. */
export interface StoreOptions {
  /** State on Redis or Valkey, shared by every process. Default: in memory. */
  redis?: RedisOptions;
  /** In memory, shared by name between the managers and worker threads of this process. */
  memory?: { name?: string };
  /** The time of the store in memory, in milliseconds since the epoch. Default `Date.now`. */
  clock?: () => number;
  /** Every operation of the store ends within this, in milliseconds. Default 2,000. */
  commandTimeout?: number;
  /** Milliseconds. Default 5,000. */
  connectTimeout?: number;
}

/** The names of {@link StoreOptions}; whoever opens a store reads and checks their values. */
export const STORE_OPTIONS = ['redis', 'memory', 'clock', 'commandTimeout', 'connectTimeout'] as const;

/** What opens the pools of a manager. Throws `INVALID_CONFIG`, naming the field. */
export type OpenPools = (options: StoreOptions) => PoolBackend;

/** Loaded by whoever makes a manager. */
export const stores: { open: OpenPools } = {
  open: options => (require('../backend/pool') as { openPools: OpenPools }).openPools(options),
};
