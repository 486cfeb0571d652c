/** An amount of money for people and programs: exact decimal text. */
export interface ShownMoney {
  amount: string;
  currency: string;
}

/** What a window has cost, where the tracker keeps budgets in money. */
export interface CostView {
  used: ShownMoney;
  reserved: ShownMoney | null;
  /** With live overrides; `null`: none is known here. */
  limit: ShownMoney | null;
  remaining: ShownMoney | null;
  /** `(used + reserved) / limit * 100`; 0 when unlimited. */
  percentUsed: number;
}

/**
 * The `cost` of stats, `null` where there is none. It is looked at rather than typed: a tracker of tokens alone
 * has none, and a number and `{ amount, currency }` are both money.
 */
export function costOfStats(stats: object): CostView | null {
  const { cost } = stats as { cost?: Record<string, unknown> };
  if (typeof cost !== 'object' || cost === null) return null;
  const currency = typeof cost.currency === 'string' ? cost.currency : 'USD';
  const used = moneyOf(cost.used, currency);
  if (used === null) return null;
  return {
    used,
    reserved: moneyOf(cost.reserved, currency),
    limit: moneyOf(cost.limit, currency),
    remaining: moneyOf(cost.remaining, currency),
    percentUsed: typeof cost.percentUsed === 'number' ? cost.percentUsed : 0,
  };
}

/** `null` where there is none. */
export function shownMoney(money: { amount: string | number; currency: string } | undefined) {
  return money === undefined ? null : moneyOf(money.amount, money.currency);
}

function moneyOf(value: unknown, currency: string): ShownMoney | null {
  if (typeof value === 'number') return Number.isFinite(value) ? { amount: String(value), currency } : null;
  if (typeof value === 'string') return { amount: value, currency };
  if (typeof value !== 'object' || value === null) return null;
  const money = value as { amount?: unknown; currency?: unknown };
  return moneyOf(
    typeof money.amount === 'object' ? undefined : money.amount,
    typeof money.currency === 'string' ? money.currency : currency,
  );
}
