import type { HeaderMap } from './headers';
import { readRateLimitFields } from './ietf';
import { durationMs, epochSecondsMs, httpDateMs, rfc3339Ms, secondsMs, wholeNumber } from './quantities';
import type { Provider, SignalReading, SignalUnit } from './types';

/** A reset as milliseconds from now on, 0 or less when it is over; `undefined` when it cannot be read. */
type ReadReset = (text: string, baseMs: number) => number | undefined;

/** The limits of these providers are counted in minutes: no reset is known longer than that. */
const UNTOLD_RESET_MS = 60_000;

/** What the headers say is left. `baseMs`: the instant of the answer, by the clock of who answered. */
export function readReadings(provider: Provider, headers: HeaderMap, baseMs: number): SignalReading[] {
  const found = new Readings();
  switch (provider) {
    case 'openai':
      readBuckets(found, headers, baseMs, durationOrSeconds);
      break;
    case 'azure':
      readBuckets(found, headers, baseMs, known(durationOrSeconds), 'zero may be unknown');
      break;
    case 'anthropic':
      readAnthropic(found, headers, baseMs);
      break;
    case 'github':
      readWindow(found, headers, 'x-ratelimit-', baseMs, epoch);
      break;
    case 'gitlab':
      readGitLab(found, headers, baseMs);
      break;
    case 'ietf':
      for (const reading of readRateLimitFields(headers)) found.add(reading);
      readWindow(found, headers, 'ratelimit-', baseMs, instantOrDelayMs);
      break;
    case 'gemini':
      break;
    case 'bitbucket':
      readWindow(found, headers, 'x-ratelimit-', baseMs, instantOrDelayMs);
      break;
    case 'generic':
      readBuckets(found, headers, baseMs, instantOrDelayMs);
      readWindow(found, headers, 'x-ratelimit-', baseMs, instantOrDelayMs);
      readWindow(found, headers, 'ratelimit-', baseMs, instantOrDelayMs);
      break;
  }
  return found.list();
}

/** One reading for each unit: what has the least left stops first. */
class Readings {
  readonly #byUnit = new Map<SignalUnit, SignalReading>();

  add(reading: SignalReading): void {
    if (reading.resetInMs <= 0) return;
    const other = this.#byUnit.get(reading.unit);
    const isTighter =
      other === undefined ||
      reading.remaining < other.remaining ||
      (reading.remaining === other.remaining && reading.resetInMs > other.resetInMs);
    if (isTighter) this.#byUnit.set(reading.unit, reading);
  }

  /** Takes in what was told as text; what lacks something is left out. */
  told(unit: SignalUnit, limit: number | undefined, remaining: number | undefined, resetInMs?: number): void {
    if (remaining === undefined || resetInMs === undefined) return;
    this.add(limit === undefined ? { unit, remaining, resetInMs } : { unit, limit, remaining, resetInMs });
  }

  list(): SignalReading[] {
    return [...this.#byUnit.values()];
  }
}

/** A reset that was told and cannot be read makes the reading worthless; one that was not told is assumed. */
function reset(text: string | undefined, baseMs: number, read: ReadReset): number | undefined {
  return text === undefined ? UNTOLD_RESET_MS : read(text, baseMs);
}

/** `x-ratelimit-{limit,remaining,reset}-{requests,tokens,project-tokens}`. */
function readBuckets(
  found: Readings,
  headers: HeaderMap,
  baseMs: number,
  read: ReadReset,
  zero?: 'zero may be unknown',
): void {
  for (const [name, unit] of [
    ['requests', 'requests'],
    ['tokens', 'tokens'],
    ['project-tokens', 'tokens'],
  ] as const) {
    const limit = wholeNumber(headers.get(`x-ratelimit-limit-${name}`));
    const remaining = wholeNumber(headers.get(`x-ratelimit-remaining-${name}`));
    const told = headers.get(`x-ratelimit-reset-${name}`) ?? headers.get(`x-rate-limit-reset-${name}`);
    if (zero === undefined) {
      found.told(unit, limit, remaining, reset(told, baseMs, read));
      continue;
    }
    // Azure: 0 and -1 stand for what is not known. A remainder of 0 is believed where a reset is told with it.
    const resetInMs = told === undefined ? undefined : read(told, baseMs);
    if (remaining === 0 && resetInMs === undefined) continue;
    found.told(unit, limit === 0 ? undefined : limit, remaining, resetInMs ?? UNTOLD_RESET_MS);
  }
}

function readAnthropic(found: Readings, headers: HeaderMap, baseMs: number): void {
  for (const [name, unit] of [
    ['requests', 'requests'],
    ['input-tokens', 'inputTokens'],
    ['output-tokens', 'outputTokens'],
    ['tokens', 'tokens'],
  ] as const) {
    const header = (what: string) => headers.get(`anthropic-ratelimit-${name}-${what}`);
    found.told(
      unit,
      wholeNumber(header('limit')),
      wholeNumber(header('remaining')),
      reset(header('reset'), baseMs, dateTime),
    );
  }
}

/** One limit on requests that is whole again at an instant; where that is not told, nothing is known. */
function readWindow(
  found: Readings,
  headers: HeaderMap,
  prefix: string,
  baseMs: number,
  read: ReadReset,
): void {
  const limit = wholeNumber(headers.get(`${prefix}limit`));
  const used = wholeNumber(headers.get(`${prefix}used`));
  const left = limit !== undefined && used !== undefined ? Math.max(0, limit - used) : undefined;
  const told = headers.get(`${prefix}reset`);
  const remaining = wholeNumber(headers.get(`${prefix}remaining`)) ?? left;
  found.told('requests', limit, remaining, told === undefined ? undefined : read(told, baseMs));
}

function readGitLab(found: Readings, headers: HeaderMap, baseMs: number): void {
  const limit = wholeNumber(headers.get('ratelimit-limit'));
  const observed = wholeNumber(headers.get('ratelimit-observed'));
  const left = limit !== undefined && observed !== undefined ? Math.max(0, limit - observed) : undefined;
  const seconds = headers.get('ratelimit-reset');
  const date = headers.get('ratelimit-resettime');
  const resetInMs =
    (seconds === undefined ? undefined : epoch(seconds, baseMs)) ?? reset(date ?? seconds, baseMs, httpDate);
  found.told('requests', limit, wholeNumber(headers.get('ratelimit-remaining')) ?? left, resetInMs);
}

const since = (instantMs: number | undefined, baseMs: number) =>
  instantMs === undefined ? undefined : instantMs - baseMs;

const epoch: ReadReset = (text, baseMs) => since(epochSecondsMs(text), baseMs);
const dateTime: ReadReset = (text, baseMs) => since(rfc3339Ms(text), baseMs);
const httpDate: ReadReset = (text, baseMs) => since(httpDateMs(text), baseMs);
const durationOrSeconds: ReadReset = text => durationMs(text) ?? secondsMs(text);

/** Seconds from now on are fewer than this, and seconds since the epoch have been more since 2001. */
const EPOCH_FROM_S = 1e9;
/** From here on it is milliseconds since the epoch. */
const EPOCH_MS_FROM = 1e11;

/** Whoever writes it, however they do. */
export const instantOrDelayMs: ReadReset = (text, baseMs) => {
  const number = /^\d{1,14}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
  if (number === undefined) return durationMs(text) ?? dateTime(text, baseMs) ?? httpDate(text, baseMs);
  if (number < EPOCH_FROM_S) return secondsMs(text);
  return since(Math.ceil(number >= EPOCH_MS_FROM ? number : number * 1000), baseMs);
};

/** 0 tells nothing. */
function known(read: ReadReset): ReadReset {
  return (text, baseMs) => read(text, baseMs) || undefined;
}
