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
 * The timer that fires when a probe may be made. Whoever caused a breaker to open makes it, and the id tells one
 * opening from the next, so that it is made once.
 */
export class ResetTimer {
  readonly #options: ResetTimerOptions;

  constructor(options: ResetTimerOptions) {
    this.#options = options;
  }

  /** `previous`: as it was before. Nothing of this rejects. */
  async follow(previous: BreakerView, { view, transitions }: BreakerOutcome): Promise<void> {
    const opened = transitions.some(({ to }) => to === 'OPEN');
    const wasClosed = transitions.some(({ from, to }) => from === 'OPEN' && to === 'CLOSED');
    try {
      if (opened) await this.#make(view);
      else if (wasClosed) await this.#options.timers.cancel(this.#id(previous));
    } catch (error) {
      if (opened) this.#options.onError(error);
    }
  }

  async #make(view: BreakerView): Promise<void> {
    // What is opened by hand for ever has no end.
    if (view.openUntilMs >= Number.MAX_SAFE_INTEGER) return;
    const { service, timers, onExpire } = this.#options;
    await timers.create({
      id: this.#id(view),
      name: nameOf(service),
      fireAt: view.openUntilMs,
      events: { on_expire: { ...onExpire } },
    });
  }

  #id({ openedAtMs, openings }: BreakerView): string {
    const hash = createHash('sha256').update(this.#options.service).digest('base64url');
    return `circuit-breaker:${hash}:${openedAtMs}:${openings}`;
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
