import { readOne } from '../../serve/snapshot';
import { readDuration } from '../arguments';
import { EXIT, UsageError } from '../exit';
import { write } from '../output';
import { parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';
import { paintFor } from '../text';
import { readHook } from './hook';
import { renderLine } from './line';

export const help = `Usage: token-budget statusline [options] [orchestrator]

One short line for a shell prompt or the status line of an agent, such as
  support: hour 42.0% (58k left), day 13.1%
It never gets in the way: while the store is away it writes nothing and exits
with 0. The orchestrator is the argument, else orchestratorId of the JSON on
standard input, else TOKEN_BUDGET_ORCHESTRATOR.

Standard input may be the JSON of a session's hook: of it model, cost and
orchestratorId are used. It is waited for 50 ms at most.

${TARGET_HELP}  The default of --timeout is 1s here.

Output:
  --colour                 colours also where standard output is no terminal
  --strict                 say what is wrong, and exit with 1 or 2
  -h, --help               this page

Example:
  token-budget statusline support --storage ./state.db --budget hourly=100k
`;

export const OPTIONS = { strict: { type: 'boolean' }, colour: { type: 'boolean' } } as const;
const HOOK_PATIENCE_MS = 50;
const TIMEOUT = '1s';

export async function run(args: string[]): Promise<number> {
  const strict = args.includes('--strict');
  try {
    return await line(args);
  } catch (error) {
    if (strict) throw error;
    // A prompt is no place for an error.
    return EXIT.fine;
  }
}

async function line(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  if (positionals.length > 1) throw new UsageError(`expected one orchestrator, got ${positionals.length}`);
  const timeoutMs = readDuration(values.timeout ?? TIMEOUT, '--timeout');
  const target = readTarget(values, process.env, timeoutMs);
  const hook = await readHook(process.stdin, HOOK_PATIENCE_MS);
  const orchestratorId = positionals[0] ?? hook.orchestratorId ?? process.env.TOKEN_BUDGET_ORCHESTRATOR ?? '';
  if (orchestratorId === '') throw new UsageError('name an orchestrator, or TOKEN_BUDGET_ORCHESTRATOR');
  const { windows } = await withTracker(target, tracker => readOne(tracker, orchestratorId, 0));
  const paint = paintFor(values.colour ? { isTTY: true } : process.stdout, process.env);
  await write(process.stdout, `${renderLine(orchestratorId, windows, hook, paint)}\n`);
  return EXIT.fine;
}
