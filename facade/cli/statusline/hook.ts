/** What the session of an agent tells its status line on standard input. */
export interface Hook {
  orchestratorId: string | null;
  model: string | null;
  /** US dollars of the session. */
  costUsd: number | null;
}

export const NO_HOOK: Hook = { orchestratorId: null, model: null, costUsd: null };

const INPUT_MAX_BYTES = 65_536;

/**
 * Whatever arrives within `patienceMs`; nothing of a terminal, and nothing when it is no JSON. A caller that leaves
 * standard input open and says nothing costs no more than the patience.
 */
export async function readHook(
  input: NodeJS.ReadStream | NodeJS.ReadableStream,
  patienceMs: number,
): Promise<Hook> {
  if ((input as NodeJS.ReadStream).isTTY) return NO_HOOK;
  const text = await readSome(input, patienceMs);
  return parseHook(text);
}

/** Fields of session hooks: `orchestratorId` or `orchestrator_id`, `model` (a name or an object), `cost.total_cost_usd`. */
export function parseHook(text: string): Hook {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return NO_HOOK;
  }
  if (typeof value !== 'object' || value === null) return NO_HOOK;
  const hook = value as Record<string, unknown>;
  const model = hook.model as Record<string, unknown> | string | null | undefined;
  const cost = hook.cost as Record<string, unknown> | null | undefined;
  const usd = typeof cost === 'object' && cost !== null ? cost.total_cost_usd : undefined;
  return {
    orchestratorId: textOf(hook.orchestratorId) ?? textOf(hook.orchestrator_id),
    model:
      typeof model === 'object' && model !== null
        ? (textOf(model.display_name) ?? textOf(model.id))
        : textOf(model),
    costUsd: typeof usd === 'number' && Number.isFinite(usd) && usd >= 0 ? usd : null,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function readSome(input: NodeJS.ReadableStream, patienceMs: number): Promise<string> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = () => {
      clearTimeout(timer);
      input.removeListener('data', receive);
      input.removeListener('end', finish);
      input.removeListener('error', finish);
      // A pipe that stays open would keep the process alive.
      (input as unknown as { destroy?: () => void }).destroy?.();
      resolve(Buffer.concat(chunks).toString('utf8'));
    };
    const receive = (chunk: Buffer | string) => {
      const data = Buffer.from(chunk as Buffer);
      bytes += data.length;
      if (bytes <= INPUT_MAX_BYTES) chunks.push(data);
      else finish();
    };
    const timer = setTimeout(finish, patienceMs);
    input.on('data', receive).on('end', finish).on('error', finish);
  });
}
