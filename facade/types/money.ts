/** An amount of money. What the package tells is exact decimal text with at most six decimals. */
export interface Money {
  /** A decimal number as text, `'25.00'`, or a number; not negative. */
  amount: string | number;
  /** ISO 4217. */
  currency: string;
}

/** Prices for budgets in money, in whole micro-units (10^-6) of a currency; `null`: no price is known. One that throws knows none, too. */
export interface BudgetPrices {
  /** Of its amounts, ISO 4217, converted with `currencyRates`. Default: the tracker's. */
  readonly currency?: string;
  /** The most that so many tokens of the model can cost, rounded up. */
  reserveMicros(model: string, tokens: number): number | null;
  /** What they have cost, rounded half up. */
  usageMicros(usage: PricedTokens): number | null;
}

/** Tokens that were used. What the total has beyond its parts is of unknown kind. */
export interface PricedTokens {
  model: string;
  timestamp?: Date;
  promptTokens: number;
  completionTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  totalTokens: number;
}

/** The money of one period. */
export interface CostStats {
  used: Money;
  /** Held by reservations. */
  reserved: Money;
  /** `null`: unlimited. */
  limit: Money | null;
  remaining: Money | null;
  /** `(used + reserved) / limit * 100`; 0 when unlimited. */
  percentUsed: number;
  currency: string;
}

/** The money of a reservation that ended. */
export interface CostSettlement {
  reserved: Money;
  recorded: Money;
  /** Recorded beyond what was held. */
  overage: Money;
}
