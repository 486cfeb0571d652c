import { integer, invalid } from '../validate';
import { estimateTokens } from './token-count';

/** Where a text is cut, the best places first: paragraphs, lines, sentences, words. */
const PLACES = [/\n{2,}/g, /\n/g, /(?<=[.!?…。！？])\s+/g, /\s+/g];

const TOKENS_MAX = 100_000_000;

/**
 * A long text in chunks of at most `maxTokens`, by {@link estimateTokens}: cut between paragraphs where that is
 * enough, else between lines, sentences, words, and only then within a word. Put together again the chunks are the
 * text.
 *
 * Throws `INVALID_ARGUMENT`, naming the field.
 *
 * @example
 * ```ts
 * for (const chunk of splitByTokens(report, 2000, 'gpt-4o')) await summarise(chunk);
 * ```
 */
export function splitByTokens(text: string, maxTokens: number, model: string): string[] {
  if (typeof text !== 'string') throw invalid('text', 'a string', text);
  const most = integer(maxTokens, 'maxTokens', 1, TOKENS_MAX);
  const fits = (part: string) => estimateTokens(part, model).tokens <= most;
  return text === '' ? [] : split(text, fits, 0);
}

function split(text: string, fits: (part: string) => boolean, level: number): string[] {
  if (fits(text)) return [text];
  const place = PLACES[level];
  if (place === undefined) return halves(text, fits);
  const pieces = cut(text, place);
  if (pieces.length === 1) return split(text, fits, level + 1);
  const chunks: string[] = [];
  let from = 0;
  while (from < pieces.length) {
    const count = mostThatFit(pieces, from, fits);
    if (count === 0) chunks.push(...split(pieces[from] ?? '', fits, level + 1));
    else chunks.push(pieces.slice(from, from + count).join(''));
    from += Math.max(1, count);
  }
  return chunks;
}

/** How many pieces from `from` on fit together: doubled while they do, then searched for between. */
function mostThatFit(pieces: readonly string[], from: number, fits: (part: string) => boolean): number {
  const together = (count: number) => fits(pieces.slice(from, from + count).join(''));
  const left = pieces.length - from;
  let fitting = 0;
  let tooMany = 1;
  while (tooMany <= left && together(tooMany)) {
    fitting = tooMany;
    tooMany *= 2;
  }
  tooMany = Math.min(tooMany, left + 1);
  while (tooMany - fitting > 1) {
    const middle = (fitting + tooMany) >> 1;
    if (together(middle)) fitting = middle;
    else tooMany = middle;
  }
  return fitting;
}

/** The pieces, each with the separator that follows it. */
function cut(text: string, place: RegExp): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const match of text.matchAll(place)) {
    const end = match.index + match[0].length;
    pieces.push(text.slice(from, end));
    from = end;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

/** A text without a place to cut it, halved until it fits; a surrogate pair is never torn. */
function halves(text: string, fits: (part: string) => boolean): string[] {
  if (text.length <= 2 || fits(text)) return [text];
  let middle = text.length >> 1;
  const unit = text.charCodeAt(middle);
  if (unit >= 0xdc00 && unit <= 0xdfff) middle += 1;
  return [...halves(text.slice(0, middle), fits), ...halves(text.slice(middle), fits)];
}
