import { EventEmitter } from 'node:events';
import { openPools } from '../backend/open-pools';
import { STORE_OPTIONS as NAMES } from '../config/store';
import { Telling } from '../telling';
import type { StoreOptions } from '../types/config';
import type { StoreEvents } from '../types/events';
import type { PoolBackend } from './pool-backend';

export type { StoreOptions } from '../types/config';

/** The names of {@link StoreOptions}; whoever opens a store reads and checks their values. */
export const STORE_OPTIONS = [...NAMES];

/** What opens the pools of a manager. Throws `INVALID_CONFIG`, naming the field. */
export type OpenPools = (options: StoreOptions) => PoolBackend;

export const stores: { open: OpenPools } = {
  open: options => openPools(options, new Telling<StoreEvents>(new EventEmitter())),
};
