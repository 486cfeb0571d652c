import type { LimiterBackend, LimitRequest, SettledPermit } from '../../rate-limit/backend';
import { isGrant } from '../../rate-limit/backend';
import type { LimiterSettings } from '../../rate-limit/config';
import type { WireGrant, WireOutcome } from '../../rate-limit/wire';
import type { Telling } from '../../telling';
import type { StoreEvents } from '../../types/events';
import { EmbeddedLimiterBackend } from '../embedded-limiter';
import type { Gate } from './gate';
import { Stored } from './stored';

type Admission = WireGrant | WireOutcome;

/** A limiter in this process, kept on disk. */
export class StoredLimiter implements LimiterBackend {
  readonly #stored: Stored<Opened>;

  constructor(settings: LimiterSettings, telling: Telling<StoreEvents>) {
    this.#stored = new Stored({
      path: settings.storagePath ?? '',
      what: 'limiter',
      commandTimeoutMs: settings.commandTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      maxPending: settings.maxPending,
      telling,
      open: gate => ({ limiter: new EmbeddedLimiterBackend(settings, telling), gate }),
    });
  }

  async acquire(
    request: LimitRequest,
    signal: AbortSignal | undefined,
    onWait: (waitMs: number, ahead: number) => void,
  ): Promise<Admission> {
    // A place in the line is on disk in time, or given up, however long the turn takes to come.
    const { admission } = await this.#stored.run(
      ({ limiter, gate }) => {
        const tell = (waitMs: number, ahead: number) => gate.tell(() => onWait(waitMs, ahead));
        const admission = limiter.acquire(request, signal, tell);
        // It is heard of below, or by nobody.
        admission.catch(() => {});
        return Promise.resolve({ admission });
      },
      {
        signal,
        giveBack: (opened, { admission }) => {
          opened.limiter.leave(request.id);
          admission.then(outcome => giveBack(opened, outcome)).catch(() => {});
        },
      },
    );
    return this.#stored.hold(admission, { signal, giveBack });
  }

  tryAcquire(request: LimitRequest): Promise<Admission> {
    return this.#stored.run<Admission>(({ limiter }) => limiter.tryAcquire(request), { giveBack });
  }

  settle(
    id: string,
    inputTokens: number,
    outputTokens: number,
    signalsJson: string | null,
  ): Promise<SettledPermit> {
    return this.#stored.run(({ limiter }) => limiter.settle(id, inputTokens, outputTokens, signalsJson));
  }

  cancel(id: string): Promise<boolean> {
    return this.#stored.run(({ limiter }) => limiter.cancel(id));
  }

  query(operationJson: string): Promise<WireOutcome> {
    return this.#stored.run(({ limiter }) => limiter.query(operationJson));
  }

  ping(): Promise<void> {
    return this.#stored.ping();
  }

  ready(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#stored.ready(timeoutMs, signal);
  }

  close(timeoutMs: number): Promise<void> {
    return this.#stored.close(timeoutMs, ({ limiter }) => {
      void limiter.close();
    });
  }
}

interface Opened {
  limiter: EmbeddedLimiterBackend;
  gate: Gate;
}

/** A permit that nobody knows of. */
function giveBack({ limiter }: Opened, outcome: Admission): void {
  if (isGrant(outcome)) limiter.cancel(outcome.id).catch(() => {});
}
