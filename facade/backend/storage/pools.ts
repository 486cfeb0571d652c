import type { StoreSettings } from '../../config/store';
import type {
  Answered,
  Exhausted,
  Picked,
  PoolBackend,
  PoolPolicy,
  PoolView,
} from '../../credentials/pool-backend';
import type { Telling } from '../../telling';
import type { StoreEvents } from '../../types/events';
import { EmbeddedPoolBackend } from '../embedded-pool';
import { Stored } from './stored';

/** Pools in this process, kept on disk. */
export class StoredPools implements PoolBackend {
  readonly #stored: Stored<EmbeddedPoolBackend>;
  readonly #now: () => number;

  constructor(settings: StoreSettings, telling: Telling<StoreEvents>) {
    this.#now = settings.now;
    this.#stored = new Stored({
      path: settings.storagePath ?? '',
      what: 'token manager',
      commandTimeoutMs: settings.commandTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      maxPending: settings.maxPending,
      telling,
      open: () => new EmbeddedPoolBackend(settings),
    });
  }

  pick(
    pool: string,
    policy: PoolPolicy,
    resource: string,
    except: string[],
    signal?: AbortSignal,
  ): Promise<Picked | Exhausted> {
    return this.#stored.run<Picked | Exhausted>(pools => pools.pick(pool, policy, resource, except), {
      signal,
      giveBack: (pools, picked) => {
        if ('exhausted' in picked) return;
        pools.giveBack(pool, policy, picked.fingerprint, resource, picked.pickedAtMs).catch(() => {});
      },
    });
  }

  report(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
    answered: Answered,
  ): Promise<void> {
    return this.#stored.run(pools => pools.report(pool, policy, fingerprint, resource, pickedAtMs, answered));
  }

  giveBack(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    resource: string,
    pickedAtMs: number,
  ): Promise<void> {
    return this.#stored.run(pools => pools.giveBack(pool, policy, fingerprint, resource, pickedAtMs));
  }

  setValid(pool: string, policy: PoolPolicy, fingerprint: string, valid: boolean): Promise<void> {
    return this.#stored.run(pools => pools.setValid(pool, policy, fingerprint, valid));
  }

  count(pool: string, policy: PoolPolicy, resource: string): Promise<number> {
    return this.#stored.run(pools => pools.count(pool, policy, resource));
  }

  view(pool: string, policy: PoolPolicy): Promise<PoolView[]> {
    return this.#stored.run(pools => pools.view(pool, policy));
  }

  keep(
    pool: string,
    policy: PoolPolicy,
    fingerprint: string,
    account: string,
    sealed: string,
  ): Promise<void> {
    return this.#stored.run(pools => pools.keep(pool, policy, fingerprint, account, sealed));
  }

  kept(pool: string, policy: PoolPolicy): ReturnType<PoolBackend['kept']> {
    return this.#stored.run(pools => pools.kept(pool, policy));
  }

  drop(pool: string, policy: PoolPolicy, fingerprint: string): Promise<void> {
    return this.#stored.run(pools => pools.drop(pool, policy, fingerprint));
  }

  now(): number {
    return this.#now();
  }

  ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#stored.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#stored.close(timeoutMs, pools => {
      void pools.close();
    });
  }
}
