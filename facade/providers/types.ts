/** Whose words the headers and bodies are; `generic` when nobody's in particular. */
export type Provider =
  | 'openai'
  | 'anthropic'
  | 'azure'
  | 'gemini'
  | 'github'
  | 'gitlab'
  | 'bitbucket'
  | 'ietf'
  | 'generic';

/** `tokens`: input and output together. */
export type SignalUnit = 'requests' | 'inputTokens' | 'outputTokens' | 'tokens';

/** What is left of one limit. All numbers are safe integers from 0 on. */
export interface SignalReading {
  unit: SignalUnit;
  /** The whole, where it was told. */
  limit?: number;
  remaining: number;
  /** In how many milliseconds the limit is whole again; never 0. */
  resetInMs: number;
}

/** The provider refused for its limits. */
export interface SignalHit {
  /**
   * `rate`: too fast, or overloaded; waiting helps. `quota`: nothing left of the day or of the money.
   * `secondary`: GitHub's second kind of limit, which rests the whole account.
   */
  kind: 'rate' | 'quota' | 'secondary';
  /** How long the provider asks to wait; absent when it does not say. */
  retryAfterMs?: number;
}

/** What one answer of a provider says about limits. */
export interface ProviderSignals {
  /** Guessed when it was not told. */
  provider: Provider;
  /** At most one for each unit: of several limits on one unit, the one with the least left. */
  readings: SignalReading[];
  hit?: SignalHit;
  /** The part of the interface with a quota of its own (GitHub, Bitbucket), such as `core`. */
  resource?: string;
  /** Status 401. */
  isUnauthorized: boolean;
  /** Status 2xx or 3xx, or headers alone; and no hit. */
  isSuccess: boolean;
  status?: number;
  /** The hit is the trouble of the provider (5xx, overloaded), whoever asks: no limit of this caller. */
  isOverloaded?: boolean;
  /** Bitbucket: little is left. */
  nearLimit?: boolean;
  /** A limit that was told without what remains of it (Bitbucket: per hour). */
  limit?: number;
}
