// Prices of one model: whole micro-units of currency per million tokens, which is pico-units per token.

const MICRO = 1e6;
/** Fields of ours by those of @pydantic/genai-prices. Others (sound, pictures, searches) are not priced by tokens. */
const TOKEN_PRICES = new Map([
  ['input_mtok', 'input'],
  ['output_mtok', 'output'],
  ['cache_read_mtok', 'cacheRead'],
  ['cache_write_mtok', 'cacheWrite'],
  ['output_reasoning_mtok', 'reasoning'],
]);
/** A fee for each request: per thousand there, in pico-units here. */
const PICO_PER_THOUSANDTH = 1e9;
const DAY_MS = 86_400_000;

/** @returns the prices of a model, the last one that applies being the one in force; none where tokens have no price */
export function pricesOf(prices) {
  const conditional = Array.isArray(prices) ? prices : [{ prices }];
  const known = conditional.map(({ constraint, prices: some }) => ({
    ...when(constraint),
    ...tokenPrices(some),
  }));
  return known.some(price => price.input !== undefined || price.output !== undefined) ? known : [];
}

function tokenPrices(prices) {
  const known = {};
  for (const [theirs, ours] of TOKEN_PRICES) {
    if (prices[theirs] !== undefined) known[ours] = tiered(prices[theirs]);
  }
  if (prices.requests_kcount !== undefined)
    known.requestPico = Math.round(prices.requests_kcount * PICO_PER_THOUSANDTH);
  return known;
}

/** A number, or `[base, start, price, start, price ...]`: each price holds when there is more input than its start. */
function tiered(price) {
  if (typeof price === 'number') return micros(price);
  const tiers = [...price.tiers].sort((a, b) => a.start - b.start);
  return [micros(price.base), ...tiers.flatMap(tier => [tier.start, micros(tier.price)])];
}

function micros(price) {
  const whole = Math.round(price * MICRO);
  if (!Number.isSafeInteger(whole) || whole < 0) throw new Error(`a price that is none: ${price}`);
  return whole;
}

/** From when on, or between which times of a day in UTC (around midnight when the end comes first). */
function when(constraint) {
  if (constraint === undefined) return {};
  if (constraint.type === 'start_date') return { fromMs: Date.parse(`${constraint.start_date}T00:00:00Z`) };
  if (constraint.type === 'time_of_date') {
    return { dailyMs: [timeOfDay(constraint.start_time), timeOfDay(constraint.end_time)] };
  }
  throw new Error(`an unknown constraint: ${JSON.stringify(constraint)}`);
}

function timeOfDay(text) {
  const ms = Date.parse(`1970-01-01T${text}`);
  if (Number.isNaN(ms)) throw new Error(`a time that is none: ${text}`);
  return (ms + DAY_MS) % DAY_MS;
}
