import { asConfig, readStore } from '../config/store';
import type { PoolBackend } from '../credentials/pool-backend';
import type { Telling } from '../telling';
import type { StoreOptions } from '../types/config';
import type { StoreEvents } from '../types/events';
import { EmbeddedPoolBackend } from './embedded-pool';
import type { RemotePoolBackend } from './remote-pool';
import type { StoredPools } from './storage/pools';

/** Pools where `options` say. Throws `INVALID_CONFIG`, naming the field. */
export function openPools(options: StoreOptions, telling: Telling<StoreEvents>): PoolBackend {
  const settings = asConfig(() => readStore(options));
  if (settings.store === 'memory') return new EmbeddedPoolBackend(settings);
  if (settings.store === 'disk') return new (loadStoredPools())(settings, telling);
  return new (loadRemotePool())(settings, telling);
}

/** Loaded by whoever keeps state on disk. */
function loadStoredPools(): typeof StoredPools {
  return (require('./storage/pools') as typeof import('./storage/pools')).StoredPools;
}

/** Loaded by whoever has a store on Redis. */
function loadRemotePool(): typeof RemotePoolBackend {
  return (require('./remote-pool') as typeof import('./remote-pool')).RemotePoolBackend;
}
