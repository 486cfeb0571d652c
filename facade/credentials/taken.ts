import type { Credential } from './options';
import type { Pool } from './pool';
import type { Answered, Picked } from './pool-backend';
import { type Judgement, judge } from './signals';

/** A token that was picked for one request, until it is known how that went. */
export class TakenToken {
  #isOpen = true;
  #isLeased = false;

  constructor(
    readonly pool: Pool,
    readonly credential: Credential,
    readonly resource: string,
    readonly picked: Picked,
  ) {
    pool.closing.opened();
  }

  /** It is the caller's from now on: whether its report ever comes is up to him, and nobody waits for it. */
  lease(): void {
    this.#isLeased = true;
    this.pool.closing.ended();
  }

  judge(answer: unknown): Promise<Judgement> {
    const { pool, resource } = this;
    const { provider, longestPauseMs } = pool;
    return judge(answer, { provider, resource, longestPauseMs, now: () => pool.now() });
  }

  /** Never sent. */
  async cancel(): Promise<void> {
    await this.#once(async pickedAtMs => {
      if (pickedAtMs > 0) await this.pool.giveBack(this.credential.fingerprint, this.resource, pickedAtMs);
    });
  }

  async conclude(judgement: Judgement): Promise<void> {
    await this.#once(pickedAtMs => this.#report(pickedAtMs, judgement));
  }

  async #report(pickedAtMs: number, { answered, resource }: Judgement): Promise<void> {
    const { fingerprint } = this.credential;
    if (resource === undefined || resource === this.resource) {
      await this.pool.report(fingerprint, this.resource, pickedAtMs, answered);
      return;
    }
    // The provider counted this request elsewhere.
    await this.pool.report(fingerprint, resource, 0, answered);
    if (answered.kind === 'served') {
      if (pickedAtMs > 0) await this.pool.giveBack(fingerprint, this.resource, pickedAtMs);
      return;
    }
    // The next request of this kind would be refused as well, so the quota it was asked for rests too.
    await this.pool.report(fingerprint, this.resource, pickedAtMs, withoutReading(answered));
  }

  /** Tells when it was picked; 0 when that was told already. */
  async #once(tell: (pickedAtMs: number) => Promise<void>): Promise<void> {
    if (!this.#isOpen) return tell(0);
    this.#isOpen = false;
    if (this.#isLeased) this.pool.closing.opened();
    try {
      await tell(this.picked.pickedAtMs);
    } finally {
      this.pool.closing.ended();
    }
  }
}

function withoutReading({ kind, reading, retryAfterMs }: Answered): Answered {
  const waitMs = retryAfterMs ?? reading?.resetInMs;
  return waitMs === undefined ? { kind } : { kind, retryAfterMs: waitMs };
}
