/** What is to be expected of a limiter, by what the store counts. */
import type { RateLimitForecast, RateLimitName } from '../types/rate-limit';
import { recommendedPauseMs, timeToExhaustionMs } from './forecast';
import { ruleName } from './status';
import type { WireAmounts, WireRule, WireView } from './wire';

const MINUTE_MS = 60_000;
/** What is further back says nothing of how it goes on. */
const RECENT_MS = 5 * MINUTE_MS;
/** Two calls at once are no rate yet: it is measured over this part of a minute at least. */
const RATE_PARTS = 10;
/** Parts that a window is kept in. */
const WINDOW_PARTS = 60;

export function forecastOf(view: WireView): RateLimitForecast {
  const limits: RateLimitForecast['limits'] = {};
  let scarcest: RateLimitName | null = null;
  let soonestMs = Infinity;
  for (const rule of view.terms.rules) {
    const window = view.windows.find(({ windowMs }) => windowMs === rule.windowMs);
    const width = Math.max(1, Math.floor(rule.windowMs / WINDOW_PARTS));
    // What a part counts was used before its end, at the latest now.
    const used = (window?.parts ?? []).map(([part, counted]) => ({
      atMs: Math.min(view.nowMs, (part + 1) * width),
      amount: amountOf(rule, counted),
    }));
    const perMs = rateOf(view, rule);
    const exhaustedInMs = timeToExhaustionMs(used, rule.ordinary, view.nowMs, rule.windowMs, perMs);
    const name = ruleName(rule);
    limits[name] = {
      perMinute: perMs * MINUTE_MS,
      exhaustedInMs: exhaustedInMs === Infinity ? null : Math.round(exhaustedInMs),
    };
    if (exhaustedInMs < soonestMs) {
      soonestMs = exhaustedInMs;
      scarcest = name;
    }
  }
  const pause = recommendedPauseMs(
    view.terms.rules.map(({ unit, ordinary, windowMs }) => ({ unit, limit: ordinary, windowMs })),
    averageOf(view),
  );
  return { limits, scarcest, recommendedPauseMs: Math.ceil(pause) };
}

/**
 * How much is used in a millisecond now: by the last minutes, or since the first request that they know of. A day is kept
 * in parts too long to tell, so the shortest window of a minute or more is asked, which counts the same requests; where
 * there is none, the window of the rule.
 */
function rateOf(view: WireView, rule: WireRule): number {
  const windows = [...view.windows].sort((a, b) => a.windowMs - b.windowMs);
  const window =
    rule.windowMs < MINUTE_MS
      ? windows.find(({ windowMs }) => windowMs === rule.windowMs)
      : windows.find(({ windowMs }) => windowMs >= MINUTE_MS);
  if (window === undefined) return 0;
  const width = Math.max(1, Math.floor(window.windowMs / WINDOW_PARTS));
  const sinceMs = view.nowMs - Math.max(RECENT_MS, Math.min(window.windowMs, MINUTE_MS) + width);
  const recent = window.parts.filter(
    ([part, counted]) => (part + 1) * width > sinceMs && counted.requests > 0,
  );
  const first = Math.min(...recent.map(([part]) => part * width));
  if (recent.length === 0) return 0;
  const amount = recent.reduce((sum, [, counted]) => sum + amountOf(rule, counted), 0);
  const leastMs = Math.min(window.windowMs, MINUTE_MS) / RATE_PARTS;
  return amount / Math.max(view.nowMs - first, leastMs);
}

function amountOf(rule: WireRule, counted: WireAmounts): number {
  return rule.unit === 'tokens' ? counted.inputTokens + counted.outputTokens : counted[rule.unit];
}

/** What a request took on average, in the longest window that knows any. */
function averageOf(view: WireView): { inputTokens: number; outputTokens: number } {
  const longest = [...view.windows]
    .sort((a, b) => b.windowMs - a.windowMs)
    .find(({ used }) => used.requests > 0);
  if (longest === undefined) return { inputTokens: 0, outputTokens: 0 };
  const { requests, inputTokens, outputTokens } = longest.used;
  return { inputTokens: inputTokens / requests, outputTokens: outputTokens / requests };
}
