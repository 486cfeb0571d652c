import { TokenBudgetError } from '../errors';
import type { Credential } from './options';
import type { Pool } from './pool';
import { Sealer } from './sealing';

/** Keeps tokens in the store, encrypted; without a key it does nothing. */
export class Keeper {
  readonly #sealer: Sealer | undefined;
  /** Pools whose tokens are kept, or are being kept. */
  readonly #prepared = new Map<Pool, Promise<void>>();

  constructor(key: string | Uint8Array | undefined) {
    this.#sealer = key === undefined ? undefined : new Sealer(key);
  }

  /** Keeps the tokens of a pool, once; after a failure the next call tries again. */
  prepare(pool: Pool): Promise<void> | undefined {
    if (this.#sealer === undefined) return undefined;
    const known = this.#prepared.get(pool);
    if (known !== undefined) return known;
    const begun = this.#keepAll(pool, this.#sealer);
    this.#prepared.set(pool, begun);
    begun.catch(() => this.#prepared.delete(pool));
    return begun;
  }

  async keep(pool: Pool, credential: Credential): Promise<void> {
    if (this.#sealer !== undefined) await pool.keep(credential, await this.#sealer.seal(credential));
  }

  async drop(pool: Pool, fingerprint: string): Promise<void> {
    if (this.#sealer !== undefined) await pool.drop(fingerprint);
  }

  /** How many of the kept tokens were new to the pool. */
  async load(pool: Pool): Promise<number> {
    if (this.#sealer === undefined) {
      const message = 'encryptionKey: expected a key to open kept tokens with, got undefined';
      throw new TokenBudgetError('INVALID_CONFIG', message, { field: 'encryptionKey' });
    }
    let added = 0;
    for (const kept of await pool.kept()) {
      if (pool.get(kept.fingerprint) !== undefined) continue;
      if (pool.add(await this.#sealer.open(pool.provider, kept))) added += 1;
    }
    return added;
  }

  async #keepAll(pool: Pool, sealer: Sealer): Promise<void> {
    const kept = await pool.kept();
    // One key for all of them: entries that nobody could open together would be found out too late.
    if (kept[0] !== undefined) await sealer.open(pool.provider, kept[0]);
    const known = new Map(kept.map(({ fingerprint, account }) => [fingerprint, account]));
    for (const credential of pool.all()) {
      if (known.get(credential.fingerprint) === credential.account) continue;
      await pool.keep(credential, await sealer.seal(credential));
    }
  }
}
