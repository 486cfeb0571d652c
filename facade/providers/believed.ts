import type { Provider, SignalHit, SignalReading } from './types';

/**
 * Whose limits fill up again evenly, so that a reset says when everything is back, not when the next request may
 * go: by then it has been possible for long.
 */
const REFILLING: ReadonlySet<Provider> = new Set(['openai', 'azure', 'anthropic']);

/** What such a provider says is left is believed for this part of the time until all is back. */
const BELIEVED_PART = 10;

/** For how long a reading holds that is whole again in `resetInMs`. */
export function believedMs(provider: Provider, resetInMs: number): number {
  return REFILLING.has(provider) ? Math.ceil(resetInMs / BELIEVED_PART) : resetInMs;
}

/**
 * The readings that count, with the time for which they hold. A refusal that names a wait knows better than its own
 * numbers when to come again: those that would hold for longer say nothing. GitHub means the later of both.
 */
export function believedReadings(
  provider: Provider,
  readings: readonly SignalReading[],
  hit: SignalHit | undefined,
): SignalReading[] {
  const waitMs = provider === 'github' ? 0 : (hit?.retryAfterMs ?? 0);
  return readings
    .map(reading => ({ ...reading, resetInMs: believedMs(provider, reading.resetInMs) }))
    .filter(({ resetInMs }) => waitMs <= 0 || resetInMs <= waitMs);
}
