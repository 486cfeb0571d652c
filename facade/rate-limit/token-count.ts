import { estimateTokens as count } from '../native';
import { invalid, text as readText } from '../validate';

/** What `estimateTokens` answers. */
export interface TokenEstimate {
  /** 0 only for an empty text. */
  tokens: number;
  /** `'tiktoken'`: cut by a published dictionary. `'approximation'`: by what the text consists of. */
  method: 'tiktoken' | 'approximation';
  /**
   * `false` only where the provider publishes the dictionary that was used and says that it is this model's. Always
   * `true` for Claude and Gemini.
   */
  isEstimate: boolean;
  /** The dictionary, where one was used. */
  encoding?: 'o200k_base' | 'cl100k_base';
}

/** By their number in the addon. */
const ENCODINGS = [undefined, 'o200k_base', 'cl100k_base'] as const;
const MODEL_MAX_BYTES = 256;
/** In UTF-16 code units; some sixteen million tokens, beyond any model's context. */
const TEXT_MAX_LENGTH = 67_108_864;

/**
 * How many tokens `text` has for `model`, without asking anybody. Only the text is counted: what providers add for
 * messages, roles, tools and images comes on top. A lone surrogate counts as the U+FFFD a provider gets for it.
 *
 * An addon built with the feature `token-counting` counts OpenAI's models exactly. Everything else is approximated by
 * the family of the model, on average 6 to 8 % off; `docs/token-counting.md` says how far for which text. An
 * unknown model is counted as Claude 3, which has more tokens than most.
 *
 * Throws a `TokenBudgetError` with `INVALID_ARGUMENT` for a text that is none or has more than 67,108,864 UTF-16 code
 * units, and for a model that is none or has more than 256 bytes.
 *
 * @example
 * ```ts
 * const { tokens } = estimateTokens('How many tokens is this?', 'claude-sonnet-4-5');
 * const permit = await manager.acquire({ inputTokens: tokens, maxOutputTokens: 500 });
 * ```
 */
export function estimateTokens(text: string, model: string): TokenEstimate {
  if (typeof text !== 'string') throw invalid('text', 'a string', text);
  if (text.length > TEXT_MAX_LENGTH)
    throw invalid('text', `a string of at most ${TEXT_MAX_LENGTH} UTF-16 code units`, text.length);
  const name = readText(model, 'model', MODEL_MAX_BYTES, 'lone allowed');
  const [tokens = 0, isEstimate, index = 0] = count(text, name);
  const encoding = ENCODINGS[index];
  return {
    tokens,
    method: encoding === undefined ? 'approximation' : 'tiktoken',
    isEstimate: isEstimate === 1,
    ...(encoding === undefined ? {} : { encoding }),
  };
}
