import { MAX_INSTANT_MS } from '../validate';
import { readAnswer } from './answer';
import { guessProvider } from './guess';
import { isOverload, readHit } from './hit';
import { httpDateMs, wholeNumber } from './quantities';
import { readReadings } from './readings';
import type { Provider, ProviderSignals } from './types';

export type * from './types';

/** Longer names are none of a resource. */
const RESOURCE_MAX_LENGTH = 100;

/**
 * What a provider says about limits, in a response, its headers, or the error that a client made of it.
 *
 * `source`: anything with `status` and `headers`, such as a `Response`; headers as `Headers`, object, `Map`
 * or pairs, names in any case; an error of OpenAI's, Anthropic's, Gemini's or GitHub's client, of the AI SDK
 * or of axios; a parsed body. Never throws: what cannot be read says nothing. Of a `Response` the body is
 * not read, for it can be read once only: give the error, or the parsed body, where it matters.
 *
 * Instants become durations by the `Date` of the response, for the clocks of two hosts differ; without one,
 * by `nowMs` (milliseconds since the epoch; default: this host's clock).
 *
 * @example
 * ```ts
 * const response = await fetch(url);
 * const { readings, hit } = readSignals(response, { provider: 'openai' });
 * // readings: [{ unit: 'requests', limit: 60, remaining: 59, resetInMs: 1000 }]
 * ```
 */
export function readSignals(
  source: unknown,
  options: { provider?: Provider; nowMs?: number } = {},
): ProviderSignals {
  const answer = readAnswer(source);
  const { status, headers } = answer;
  const provider = options.provider ?? guessProvider(answer);
  const baseMs = httpDateMs(headers.get('date')) ?? ownClock(options.nowMs);
  const readings = readReadings(provider, headers, baseMs);
  const hit = readHit(answer, provider, readings, baseMs);

  const signals: ProviderSignals = {
    provider,
    readings,
    isUnauthorized: status === 401,
    isSuccess:
      hit === undefined && (status === undefined ? answer.isHeadersOnly : status >= 200 && status < 400),
  };
  if (hit !== undefined) signals.hit = hit;
  if (hit !== undefined && isOverload(answer)) signals.isOverloaded = true;
  if (status !== undefined) signals.status = status;
  const resource = headers.get('x-ratelimit-resource');
  if (resource !== undefined && resource !== '' && resource.length <= RESOURCE_MAX_LENGTH) {
    signals.resource = resource;
  }
  const nearLimit = headers.get('x-ratelimit-nearlimit')?.toLowerCase();
  if (nearLimit === 'true' || nearLimit === 'false') signals.nearLimit = nearLimit === 'true';
  const limit = wholeNumber(headers.get('x-ratelimit-limit') ?? headers.get('ratelimit-limit'));
  if (limit !== undefined && readings.length === 0) signals.limit = limit;
  return signals;
}

function ownClock(nowMs: number | undefined): number {
  const isInstant = nowMs !== undefined && nowMs >= 0 && nowMs <= MAX_INSTANT_MS;
  return isInstant ? Math.floor(nowMs) : Date.now();
}
