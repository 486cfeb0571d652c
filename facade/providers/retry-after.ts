import type { HeaderMap } from './headers';
import { epochSecondsMs, httpDateMs, millisecondsMs, secondsMs } from './quantities';
import type { Provider, SignalReading } from './types';

/**
 * How long the headers ask to wait. The finer header comes first. A date that is over says nothing, and with
 * Azure a zero does not either.
 */
export function readRetryAfter(provider: Provider, headers: HeaderMap, baseMs: number): number | undefined {
  const said = [
    longest(headers.get('retry-after-ms'), millisecondsMs),
    longest(headers.get('x-ms-retry-after-ms'), millisecondsMs),
    longest(headers.get('retry-after'), text => secondsOrDate(text, baseMs)),
  ];
  return said.find(waitMs => waitMs !== undefined && (waitMs > 0 || provider !== 'azure'));
}

/** A gateway may have added a header that was there already: the copies come joined by commas, which dates have, too. */
function longest(
  text: string | undefined | null,
  read: (text: string) => number | undefined,
): number | undefined {
  const waits = (text ?? '')
    .split(/(?<=\d|GMT),\s+/)
    .map(part => read(part.trim()))
    .filter(waitMs => waitMs !== undefined);
  return waits.length > 0 ? Math.max(...waits) : undefined;
}

function secondsOrDate(text: string, baseMs: number): number | undefined {
  return secondsMs(text) ?? untilMs(httpDateMs(text), baseMs);
}

/** Until every limit with nothing left is whole again. */
export function untilWhole(readings: readonly SignalReading[]): number | undefined {
  const spent = readings.filter(reading => reading.remaining === 0).map(reading => reading.resetInMs);
  return spent.length > 0 ? Math.max(...spent) : undefined;
}

/**
 * How long to wait after a refusal that did not say so itself. Not by the resets of OpenAI and Anthropic:
 * they tell when a bucket is full, and a single call is let through long before that.
 */
export function impliedWait(
  provider: Provider,
  headers: HeaderMap,
  readings: readonly SignalReading[],
  baseMs: number,
): number | undefined {
  switch (provider) {
    case 'openai':
      return undefined;
    case 'anthropic':
      // When the hours or days of a subscription are over.
      return untilMs(epochSecondsMs(headers.get('anthropic-ratelimit-unified-reset') ?? ''), baseMs);
    case 'azure':
      return untilWhole(readings) ?? azureReset(headers);
    default:
      return untilWhole(readings);
  }
}

/** Azure tells resets without what remains. */
function azureReset(headers: HeaderMap): number | undefined {
  const resets = ['x-ratelimit-reset-requests', 'x-ratelimit-reset-tokens', 'x-rate-limit-reset-tokens']
    .map(name => secondsMs(headers.get(name) ?? ''))
    .filter(resetMs => resetMs !== undefined && resetMs > 0);
  return resets.length > 0 ? Math.max(...(resets as number[])) : undefined;
}

function untilMs(instantMs: number | undefined, baseMs: number): number | undefined {
  return instantMs !== undefined && instantMs > baseMs ? instantMs - baseMs : undefined;
}
