import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { estimateTokens, TokenBudgetError } from '@wundr.io/token-budget/rate-limit';

const text = (name: string) => readFileSync(join(__dirname, `../../tests/texts/${name}.txt`), 'utf8');

/** Whether the addon has dictionaries: both kinds pass these tests. */
const hasDictionaries = estimateTokens('a', 'gpt-4o').method === 'tiktoken';

describe('estimateTokens', () => {
  test.each([
    ['gpt-5-mini', 'o200k_base', 255],
    ['gpt-4-turbo', 'cl100k_base', 257],
  ])('%s is counted with %s where that is built in, else approximated', (model, encoding, exact) => {
    const counted = estimateTokens(text('english'), model);
    if (hasDictionaries) {
      expect(counted).toEqual({ tokens: exact, method: 'tiktoken', isEstimate: false, encoding });
    } else {
      expect(counted).toEqual({ tokens: expect.any(Number), method: 'approximation', isEstimate: true });
      expect(Math.abs(counted.tokens / exact - 1)).toBeLessThan(0.15);
    }
  });

  test.each([
    ['claude-sonnet-4-5', 'german', 321],
    ['claude-opus-4-7', 'german', 454],
    ['gemini-3-pro', 'chinese', 249],
    ['llama-3.3-70b', 'code', 290],
    ['claude-sonnet-4-5', 'json', 395],
  ])('%s is approximated whatever the addon was built with: %s has %i', (model, name, tokens) => {
    expect(estimateTokens(text(name), model)).toEqual({ tokens, method: 'approximation', isEstimate: true });
  });

  test('an unknown model is counted as Claude 3, never as nothing', () => {
    const known = estimateTokens(text('code'), 'claude-3-5-haiku-20241022');
    for (const model of ['', 'something-new', 'mistral-large-latest', '\ud800']) {
      expect(estimateTokens(text('code'), model)).toEqual(known);
      expect(estimateTokens(' ', model).tokens).toBe(1);
      expect(estimateTokens('', model).tokens).toBe(0);
    }
  });

  test('a model nobody knew of is an estimate, even with the dictionary of the last known one', () => {
    expect(estimateTokens('tiktoken is great!', 'gpt-6').isEstimate).toBe(true);
  });

  test('a lone surrogate counts as what a provider gets for it', () => {
    for (const model of ['gpt-4o', 'claude-opus-4-7', 'gemini-3-pro'])
      expect(estimateTokens('a\ud83d b', model)).toEqual(estimateTokens('a\ufffd b', model));
  });

  test('characters beyond the first plane are counted once', () => {
    const one = estimateTokens('🙂', 'gemini-3-pro').tokens;
    expect(estimateTokens('🙂'.repeat(1000), 'gemini-3-pro').tokens).toBeLessThanOrEqual(one * 1000);
    expect(estimateTokens('🙂'.repeat(1000), 'gemini-3-pro').tokens).toBeGreaterThan(1000);
  });

  test.each([
    ['text', [undefined, 'gpt-4o']],
    ['text', [null, 'gpt-4o']],
    ['text', [12, 'gpt-4o']],
    ['text', [new String('boxed'), 'gpt-4o']],
    ['text', [['a'], 'gpt-4o']],
    ['model', ['a', undefined]],
    ['model', ['a', 4]],
    ['model', ['a', { name: 'gpt-4o' }]],
    ['model', ['a', 'm'.repeat(257)]],
  ])('refuses what is no %s', (field, given) => {
    const error = thrown(() => (estimateTokens as (...all: unknown[]) => unknown)(...given));
    expect(error).toBeInstanceOf(TokenBudgetError);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field });
    expect(error.message).toMatch(new RegExp(`^${field}: expected `));
  });

  test('refuses a text beyond any context, and counts one that is nearly as long', () => {
    const longest = ' '.repeat(67_108_864);
    expect(thrown(() => estimateTokens(`${longest} `, 'gemini-3-pro'))).toMatchObject({ field: 'text' });
    expect(estimateTokens(longest, 'gemini-3-pro').tokens).toBeGreaterThan(1_000_000);
  });
});

function thrown(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected it to throw');
}
