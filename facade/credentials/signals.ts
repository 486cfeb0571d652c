/** From an answer of a provider to what the store is told of it. */
import { type Provider, type ProviderSignals, readSignals } from '../providers';
import { believedReadings } from '../providers/believed';
import { AuthError, ProviderError, RateLimitError } from './errors';
import type { Answered } from './pool-backend';

export interface Judgement {
  verdict: 'served' | 'limited' | 'unauthorized';
  answered: Answered;
  /** Whose quota the provider says it counted; `undefined` when it does not say. */
  resource?: string;
}

const KNOWN: ReadonlySet<string> = new Set<Provider>([
  'openai',
  'anthropic',
  'azure',
  'gemini',
  'github',
  'gitlab',
  'bitbucket',
]);

/** Whether answers under this name are read as those of one provider only. */
export function isKnownProvider(name: string): boolean {
  return KNOWN.has(name);
}

export const SERVED: Judgement = { verdict: 'served', answered: { kind: 'served' } };

/** Whose answer it is. */
export interface AnswerSource {
  provider: string;
  /** The quota that was asked for. */
  resource: string;
  /** How long a key rests whose day or money is used up, when it is told a shorter time or none. */
  longestPauseMs: number;
  /** The store's clock, asked where an instant has to become a duration. */
  now: () => Promise<number> | number;
}

/** `answer`: a response, headers, or an error. Never throws for what the answer holds. */
export async function judge(answer: unknown, from: AnswerSource): Promise<Judgement> {
  const { provider, now } = from;
  if (answer === undefined || answer === null) return SERVED;
  // One of another provider says nothing of this token.
  if (answer instanceof ProviderError && answer.provider !== provider) return SERVED;
  if (answer instanceof AuthError) return { verdict: 'unauthorized', answered: { kind: 'unauthorized' } };
  if (answer instanceof RateLimitError) {
    const wait = answer.resetAtMs > 0 ? answer.resetAtMs - (await now()) : 0;
    return { verdict: 'limited', answered: { kind: 'spent', ...positive(wait) } };
  }
  if (answer instanceof ProviderError) return SERVED;
  const source = isResponse(answer) ? await withBody(answer, isGraphQl(from)) : answer;
  return conclude(
    readSignals(source, {
      ...(isKnownProvider(provider) ? { provider: provider as Provider } : {}),
      nowMs: hasDate(answer) ? Date.now() : await now(),
    }),
    from.longestPauseMs,
  );
}

/** GitHub's GraphQL refuses with a status of success, and only the body says so. */
function isGraphQl({ provider, resource }: AnswerSource): boolean {
  return provider === 'github' && resource === 'graphql';
}

/** Whether a result is a response whose limits can be read. */
export function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { status, headers } = value as Response;
    return typeof status === 'number' && typeof headers === 'object' && headers !== null;
  } catch {
    return false;
  }
}

function conclude(signals: ProviderSignals, longestPauseMs: number): Judgement {
  const { hit, isUnauthorized, isOverloaded, resource } = signals;
  const readings = believedReadings(signals.provider, signals.readings, hit);
  const told = readings.find(({ unit }) => unit === 'requests');
  const reading: Pick<Answered, 'reading'> =
    told === undefined
      ? {}
      : {
          reading: {
            remaining: told.remaining,
            resetInMs: told.resetInMs,
            ...(told.limit === undefined ? {} : { limit: told.limit }),
          },
        };
  const where = resource === undefined || !/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(resource) ? {} : { resource };
  if (isUnauthorized) return { verdict: 'unauthorized', answered: { kind: 'unauthorized' }, ...where };
  // A provider in trouble would refuse every other token as well.
  if (hit !== undefined && isOverloaded !== true) {
    const kind = hit.kind === 'secondary' ? 'secondary' : 'spent';
    const waitMs = hit.kind === 'quota' ? Math.max(hit.retryAfterMs ?? 0, longestPauseMs) : hit.retryAfterMs;
    return { verdict: 'limited', answered: { kind, ...reading, ...positive(waitMs) }, ...where };
  }
  // Served, and the next one would not be: what is left of tokens is no reading of requests.
  const empty = readings.find(({ unit, remaining }) => unit !== 'requests' && remaining === 0);
  if (empty !== undefined) {
    return {
      verdict: 'served',
      answered: { kind: 'spent', ...reading, ...positive(empty.resetInMs) },
      ...where,
    };
  }
  return { verdict: 'served', answered: { kind: 'served', ...reading }, ...where };
}

/** 0 is as good as not told: whoever retried at once would be refused again. */
function positive(retryAfterMs: number | undefined): Pick<Answered, 'retryAfterMs'> {
  return retryAfterMs !== undefined && retryAfterMs >= 1 ? { retryAfterMs: Math.ceil(retryAfterMs) } : {};
}

function hasDate(answer: unknown): boolean {
  try {
    return (
      isResponse(answer) && typeof answer.headers.get === 'function' && answer.headers.get('date') !== null
    );
  } catch {
    return false;
  }
}

/** Refusals that say only in their body what was meant. */
const TELLING: ReadonlySet<number> = new Set([400, 402, 403, 429]);
const BODY_MAX_BYTES = 65_536;
/** The body of a refusal comes with its headers, or it is not worth waiting for. */
const BODY_PATIENCE_MS = 2000;

/** The response stays unread for whoever gets it. */
async function withBody(response: Response, isGraphQl: boolean): Promise<unknown> {
  try {
    const { status, headers } = response;
    const tells = TELLING.has(status) || (isGraphQl && status === 200 && isShortJson(headers));
    if (!tells || response.bodyUsed !== false || typeof response.clone !== 'function') return response;
    const body = await textOf(response.clone());
    if (status !== 200) return { status, headers, body };
    return body.includes('RATE_LIMITED') ? { status, headers, data: JSON.parse(body) } : response;
  } catch {
    return response;
  }
}

/** A refusal is short; what is longer is an answer. */
function isShortJson(headers: Headers): boolean {
  const isJson = /^application\/(?:[a-z.+-]*\+)?json\b/i.test(headers.get('content-type') ?? '');
  return isJson && !(Number(headers.get('content-length') ?? 0) > BODY_MAX_BYTES);
}

async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), BODY_PATIENCE_MS);
  try {
    while (text.length < BODY_MAX_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    clearTimeout(timer);
    // A copy that is left unread would hold back the response itself; its cancel waits for that one's.
    void reader.cancel().catch(() => {});
  }
  return text;
}
