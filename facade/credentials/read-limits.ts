import { type Provider, readSignals } from '../providers';
import { isArray } from '../text';
import { jsonOf, unexpected } from './clients/body';
import type { RateLimitInfo } from './limits';
import { DEFAULT_RESOURCE } from './profiles';

interface Limits {
  core: RateLimitInfo;
  resources: Record<string, RateLimitInfo>;
  nearLimit?: boolean;
  /** What the store can learn. */
  readings: Map<string, { limit: number | null; remaining: number; resetInMs: number }>;
}

const RESOURCES_MAX = 64;

/**
 * What the answer to the question for limits says: GitHub's body, everybody's headers. `nowMs` is the store's
 * clock; the `Date` of the response wins, for the clocks of two hosts differ.
 */
export async function readLimits(response: Response, provider: string, nowMs: number): Promise<Limits> {
  const fromHeaders = readHeaders(response, provider, nowMs);
  if (provider !== 'github') {
    void response.body?.cancel().catch(() => {});
    return fromHeaders;
  }
  const path = 'rate_limit';
  const body = await jsonOf(response, provider, path);
  if (typeof body !== 'object' || body === null || isArray(body)) {
    throw unexpected(response, provider, path, 'an object');
  }
  const told = Date.parse(response.headers.get('date') ?? '');
  const here = Number.isNaN(told) ? nowMs : told;
  const limits: Limits = { ...fromHeaders, resources: {}, readings: new Map() };
  for (const [name, value] of entriesOf((body as { resources?: unknown }).resources)) {
    const { limit, remaining, reset } = (value ?? {}) as Record<string, unknown>;
    if (!isCount(limit) || !isCount(remaining) || !isCount(reset)) continue;
    limits.resources[name] = infoOf(limit, remaining, new Date(reset * 1000));
    const resetInMs = reset * 1000 - here;
    if (resetInMs > 0) limits.readings.set(name, { limit, remaining, resetInMs });
  }
  limits.core = limits.resources[DEFAULT_RESOURCE] ?? fromHeaders.core;
  return limits;
}

function readHeaders(response: Response, provider: string, nowMs: number): Limits {
  const { readings, limit, nearLimit } = readSignals(response.headers, {
    provider: provider as Provider,
    nowMs,
  });
  const told = readings.find(({ unit }) => unit === 'requests');
  const whole = told?.limit ?? limit ?? null;
  const resetTime = told === undefined ? null : new Date(nowMs + told.resetInMs);
  const core = infoOf(whole, told?.remaining ?? null, resetTime);
  return {
    core,
    resources: { [DEFAULT_RESOURCE]: core },
    ...(nearLimit === undefined ? {} : { nearLimit }),
    readings: new Map(
      told === undefined
        ? []
        : [[DEFAULT_RESOURCE, { limit: whole, remaining: told.remaining, resetInMs: told.resetInMs }]],
    ),
  };
}

function infoOf(limit: number | null, remaining: number | null, resetTime: Date | null): RateLimitInfo {
  const used = limit === null || remaining === null ? null : Math.max(0, limit - remaining);
  return { limit, remaining, used, resetTime };
}

function entriesOf(value: unknown): Array<[string, unknown]> {
  if (typeof value !== 'object' || value === null || isArray(value)) return [];
  return Object.entries(value)
    .filter(([name]) => /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name))
    .slice(0, RESOURCES_MAX);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 8.64e12;
}
