import { createHash } from 'node:crypto';
import type { BreakerOutcome, BreakerView } from '../backend/coordination';
import type { OnExpireInput } from './breaker-types';
import type { HostTimers } from './host';

export interface ResetTimerOptions {
  service: string;
  timers: HostTimers;
  onExpire: OnExpireInput;
  onError(error: unknown): void;
}

/**
 * The timer that fires when a probe may be made. Whoever changes until when a breaker is open makes it. Its id ends
 * with the version of the breaker, so that it is made once; of several the one of the latest version stays, whoever
 * made it, and whoever makes or ends one takes the others away.
 */
export class ResetTimer {
  readonly #options: ResetTimerOptions;
  readonly #prefix: string;

  constructor(options: ResetTimerOptions) {
    this.#options = options;
    const hash = createHash('sha256').update(options.service).digest('base64url');
    this.#prefix = `circuit-breaker:${hash}:`;
  }

  /** `previous`: as it was before; `current`: as it is known then. Nothing of this rejects. */
  async follow(
    previous: BreakerView,
    { view, transitions }: BreakerOutcome,
    current: () => BreakerView,
  ): Promise<void> {
    const opened = transitions.some(({ to }) => to === 'OPEN');
    const isMoved = view.version > previous.version && view.openUntilMs !== previous.openUntilMs;
    const isOpen = view.state === 'OPEN' && (opened || isMoved);
    const wasEnded = transitions.some(({ from, to }) => from === 'OPEN' && to === 'CLOSED');
    try {
      if (isOpen) await this.#make(view);
      if (!isOpen && !wasEnded) return;
      await this.#endOthers(view);
      // Somebody ended it before the timer was there.
      const now = current();
      if (isOpen && now.version > view.version && now.state === 'CLOSED') await this.#endOthers(now);
    } catch (error) {
      if (isOpen) this.#options.onError(error);
    }
  }

  async #make(view: BreakerView): Promise<void> {
    // What is opened by hand for ever has no end.
    if (view.openUntilMs >= Number.MAX_SAFE_INTEGER) return;
    const { service, timers, onExpire } = this.#options;
    await timers.create({
      id: this.#prefix + view.version,
      name: nameOf(service),
      fireAt: view.openUntilMs,
      events: { on_expire: { ...onExpire } },
    });
  }

  /** All but the latest; that one, too, when it is of a time before `view`. */
  async #endOthers({ version }: BreakerView): Promise<void> {
    const { service, timers } = this.#options;
    const versions: number[] = [];
    for await (const { id } of timers.scheduled(nameOf(service))) {
      if (id.startsWith(this.#prefix)) versions.push(Number(id.slice(this.#prefix.length)));
    }
    const latest = Math.max(version, ...versions);
    for (const other of versions) {
      if (other < latest) await timers.cancel(this.#prefix + other);
    }
  }
}

/** Names of timers have at most 256 bytes, as those of breakers. */
function nameOf(service: string): string {
  const name = `Circuit Breaker Reset: ${service}`;
  if (Buffer.byteLength(name) <= 256) return name;
  const characters = [...name];
  while (Buffer.byteLength(characters.join('')) > 253) characters.pop();
  return `${characters.join('')}...`;
}
