/** Limits that are never reached, so that nobody waits. */
export const NEVER_REACHED = { rpm: 1e9, itpm: 1e12, otpm: 1e12 };

/** One request: what it is admitted with, and what it used in the end. */
export const REQUEST = { inputTokens: 100, maxOutputTokens: 50, outputTokens: 20 };
