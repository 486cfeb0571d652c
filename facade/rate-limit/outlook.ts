/** What is to be expected of a limiter, by what the store counts. */
import type { RateLimitForecast, RateLimitName } from '../types/rate-limit';
import { recommendedPauseMs, timeToExhaustionMs } from './forecast';
import { ruleName } from './status';
import type { WireAmounts, WireRule, WireView } from './wire';

const MINUTE_MS = 60_000;
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
    const total = used.reduce((sum, { amount }) => sum + amount, 0);
    const exhaustedInMs = timeToExhaustionMs(used, rule.ordinary, view.nowMs, rule.windowMs);
    const name = ruleName(rule);
    limits[name] = {
      perMinute: (total * MINUTE_MS) / rule.windowMs,
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
