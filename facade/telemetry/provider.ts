/** Beginnings of model names, and `gen_ai.provider.name` of who makes them; the first that fits counts. */
const MAKERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(?:anthropic[/.])?claude/i, 'anthropic'],
  [/^(?:openai\/)?(?:gpt-|chatgpt-|o[1-9](?:-|$)|text-embedding-|davinci)/i, 'openai'],
  [/^(?:google\/)?gemini/i, 'gcp.gemini'],
  [/^(?:mistralai?\/)?(?:mistral|mixtral|codestral|ministral|magistral|pixtral)/i, 'mistral_ai'],
  [/^(?:cohere\/)?command/i, 'cohere'],
  [/^(?:deepseek(?:-ai)?\/)?deepseek/i, 'deepseek'],
  [/^(?:x-?ai\/)?grok/i, 'x_ai'],
  [/^(?:ibm\/)?granite/i, 'ibm.watsonx.ai'],
  [/^sonar/i, 'perplexity'],
];

/** What the convention asks for when none of its names fits. */
const OTHER = '_OTHER';

/**
 * Who serves a model, guessed from its name by who makes it: a model of one that another serves (Bedrock, Azure,
 * Vertex) cannot be told apart, so that callers who use those should say so themselves.
 */
export function providerOfModel(model: string): string {
  return MAKERS.find(([pattern]) => pattern.test(model))?.[1] ?? OTHER;
}
