import * as check from '../validate';
import { objectAt, refused } from './check';
import type { Credential } from './options';
import type { Pool, Pools } from './pool';
import type { PoolView } from './pool-backend';
import { fingerprintOf } from './secret';

/** What is known of one quota of one token. */
export interface TokenResource {
  resource: string;
  /** `null`: nobody told. */
  limit: number | null;
  /** What may still be asked for before the reset, the reserve included; `null` when nothing is known. */
  remaining: number | null;
  /** When the quota is whole again; `null` when nothing is known. */
  resetsAt: Date | null;
  /** When it is used again after a limit was hit; `null` when it does not rest. */
  pausedUntil: Date | null;
  /** Requests that were begun and not reported. */
  underWay: number;
}

let viewOf: (credential: Credential, view: PoolView | undefined, nowMs: number) => TokenView;

/** A token as it can be shown: what it is stays hidden. */
export class TokenView {
  readonly provider: string;
  readonly account: string;
  /**
   * Stands for the token everywhere: the first 16 bytes, as hex, of the SHA-256 of
   * `token-budget:<provider>:<token>`.
   */
  readonly fingerprint: string;
  readonly weight: number;
  readonly isValid: boolean;
  readonly resources: readonly TokenResource[];
  readonly #credential: Credential;

  static {
    viewOf = (credential, view, nowMs) => new TokenView(credential, view, nowMs);
  }

  private constructor(credential: Credential, view: PoolView | undefined, nowMs: number) {
    this.provider = credential.provider;
    this.account = credential.account;
    this.fingerprint = credential.fingerprint;
    this.weight = credential.weight;
    this.isValid = view?.isValid ?? true;
    this.resources = (view?.resources ?? []).map(of => shown(of, nowMs));
    this.#credential = credential;
  }

  /** The token itself. Nothing else shows it. */
  reveal(): string {
    return this.#credential.secret.reveal();
  }
}

function shown(of: PoolView['resources'][number], nowMs: number): TokenResource {
  const isKnown = of.resetsAtMs > nowMs;
  return {
    resource: of.resource,
    limit: of.limit > 0 ? of.limit : null,
    remaining: isKnown ? of.left : null,
    resetsAt: isKnown ? new Date(of.resetsAtMs) : null,
    pausedUntil: of.pausedUntilMs > nowMs ? new Date(of.pausedUntilMs) : null,
    underWay: of.underWay,
  };
}

/** The tokens of a pool in the order they were given. */
export async function viewsOf(pool: Pool): Promise<TokenView[]> {
  const views = new Map((await pool.view()).map(view => [view.fingerprint, view]));
  const nowMs = await pool.now();
  return pool.all().map(credential => viewOf(credential, views.get(credential.fingerprint), nowMs));
}

/** A token, its fingerprint, or anything that has one. */
export type TokenReference = string | { readonly fingerprint: string };

/** Whose token it is. No message quotes what was given. */
export function find(pools: Pools, reference: unknown): { pool: Pool; fingerprint: string } {
  const at = 'token';
  const given =
    typeof reference === 'string' ? reference : check.own(objectAt(reference, at), 'fingerprint', at);
  if (typeof given !== 'string') throw refused(at, 'a token, its fingerprint, or a lease', reference);
  for (const pool of pools.all()) {
    const fingerprint = fingerprintOf(pool.provider, given);
    if (pool.get(fingerprint) !== undefined) return { pool, fingerprint };
  }
  const pool = pools.holding(given);
  if (pool === undefined) throw refused(at, 'a token of this manager', reference);
  return { pool, fingerprint: given };
}
