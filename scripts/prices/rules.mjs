// Rules by which a price belongs to a name, as @pydantic/genai-prices has them, without regular expressions: what is
// read natively knows `equals`, `starts`, `ends`, `contains`, `digits` (a text in which each `#` stands for a digit, to
// its end or `open`), `or`, `and` and `not`. Everything in lower case.

/** @returns the rule in our words; throws for a rule that nobody has translated yet */
export function ruleOf(match) {
  const [[kind, value], ...others] = Object.entries(match);
  if (others.length > 0) throw new Error(`a rule of several kinds: ${JSON.stringify(match)}`);
  switch (kind) {
    case 'or':
    case 'and':
      return { [kind]: value.map(ruleOf) };
    case 'equals':
    case 'contains':
      return { [kind]: value.toLowerCase() };
    case 'starts_with':
      return { starts: value.toLowerCase() };
    case 'ends_with':
      return { ends: value.toLowerCase() };
    case 'regex':
      return regexRule(value);
    default:
      throw new Error(`an unknown rule: ${JSON.stringify(match)}`);
  }
}

/** Each of these expressions says something that has words of its own. */
const SPECIAL = new Map([
  ['^o[134]', { or: [{ starts: 'o1' }, { starts: 'o3' }, { starts: 'o4' }] }],
  // No speech: `-tts` is not a part of the name.
  ['^(?!.*-[tT][tT][sS](?:$|-))', { not: { or: [{ ends: '-tts' }, { contains: '-tts-' }] } }],
  [
    '^(?![^/]+/)(?:labs-)?(?:(?:mi|code|dev|magi|mini)stral|mixtral|pixtral|voxtral|open-(?:mistral|mixtral))',
    { and: [{ not: { contains: '/' } }, { or: mistralNames().map(starts => ({ starts })) }] },
  ],
]);

function mistralNames() {
  const names = [
    'mistral',
    'codestral',
    'devstral',
    'magistral',
    'ministral',
    'mixtral',
    'pixtral',
    'voxtral',
  ];
  names.push('open-mistral', 'open-mixtral');
  return names.flatMap(name => [name, `labs-${name}`]);
}

/** `^text-\d{8}$`: literal text and digits. */
function regexRule(source) {
  const special = SPECIAL.get(source);
  if (special !== undefined) return special;
  const body = source.match(/^\^((?:[a-z0-9/=-]|\\[.[\]]|\\d(?:\{\d+\})?|\[fast=|\])+)(\$?)$/);
  if (body === null) throw new Error(`a regular expression that nobody has translated yet: ${source}`);
  const digits = body[1]
    .replace(/\\d(?:\{(\d+)\})?/g, (_, times = '1') => '#'.repeat(Number(times)))
    .replace(/\\(.)/g, '$1');
  if (!digits.includes('#')) return body[2] === '$' ? { equals: digits } : { starts: digits };
  return body[2] === '$' ? { digits } : { digits, open: true };
}
