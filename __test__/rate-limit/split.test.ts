import { estimateTokens, splitByTokens } from '@wundr.io/token-budget/rate-limit';
import fc from '../support/properties';

const MODEL = 'gpt-4o';

test('chunks are the text again, and none is larger than asked for', () => {
  const text = fc
    .array(
      fc.oneof(
        fc.lorem({ mode: 'sentences' }),
        fc.constantFrom('\n', '\n\n', '  ', '漢字', '🙂🙂', 'x'.repeat(300)),
      ),
    )
    .map(parts => parts.join(''));
  fc.assert(
    fc.property(text, fc.integer({ min: 5, max: 200 }), (given, most) => {
      const chunks = splitByTokens(given, most, MODEL);
      expect(chunks.join('')).toBe(given);
      for (const chunk of chunks) expect(estimateTokens(chunk, MODEL).tokens).toBeLessThanOrEqual(most);
    }),
    { numRuns: 200 },
  );
});

test('a text is cut between paragraphs where that is enough', () => {
  const paragraph = 'One sentence. Another one follows it.\nAnd a line.';
  const text = [paragraph, paragraph, paragraph].join('\n\n');
  const { tokens } = estimateTokens(`${paragraph}\n\n`, MODEL);
  expect(splitByTokens(text, tokens, MODEL)).toEqual([`${paragraph}\n\n`, `${paragraph}\n\n`, paragraph]);
  expect(splitByTokens(text, 10_000, MODEL)).toEqual([text]);
  expect(splitByTokens('', 10, MODEL)).toEqual([]);
});

test.each([
  [5, 10, MODEL, 'text'],
  ['a', 0, MODEL, 'maxTokens'],
  ['a', 1.5, MODEL, 'maxTokens'],
  ['a', 10, 7, 'model'],
])('splitByTokens(%p, %p, %p) names %s', (text, most, model, field) => {
  expect(() => splitByTokens(text as string, most, model as string)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
  );
});
