/** Tokens with their parts: those beyond their whole stand beside it, as Anthropic counts cached ones. */
export function wholeOf(tokens: number, parts: number): number {
  return parts > tokens ? Math.min(Number.MAX_SAFE_INTEGER, tokens + parts) : tokens;
}
