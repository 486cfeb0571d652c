import { asConfig, readStore } from '../config/store';
import type { Telling } from '../telling';
import type { StoreOptions } from '../types/config';
import type { StoreEvents } from '../types/events';
import type { CoordinationBackend, CoordinationOptions } from './coordination';
import { EmbeddedCoordination } from './embedded-coordination';
import type { RemoteCoordination } from './remote-coordination';
import type { StoredCoordination } from './storage/coordination';

/** Timers and breakers where `options` say. Throws `INVALID_CONFIG`, naming the field. */
export function openCoordination(
  options: StoreOptions,
  coordination: CoordinationOptions,
  telling: Telling<StoreEvents>,
): CoordinationBackend {
  const settings = asConfig(() => readStore(options));
  if (settings.store === 'memory') return new EmbeddedCoordination(settings, coordination);
  if (settings.store === 'disk') return new (loadStoredCoordination())(settings, coordination, telling);
  return new (loadRemoteCoordination())(settings, coordination, telling);
}

/** Loaded by whoever keeps state on disk. */
function loadStoredCoordination(): typeof StoredCoordination {
  return (require('./storage/coordination') as typeof import('./storage/coordination')).StoredCoordination;
}

/** Loaded by whoever has a store on Redis. */
function loadRemoteCoordination(): typeof RemoteCoordination {
  return (require('./remote-coordination') as typeof import('./remote-coordination')).RemoteCoordination;
}
