import { userInfo } from 'node:os';
import { overrideView } from '../../serve/snapshot';
import type { TokenBudgetTracker } from '../../tracker';
import { uuid } from '../../uuid';
import { readAmount } from '../amount';
import { onlyOne, readDuration, readPeriod } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { alignColumns, formatCount } from '../format';
import { write } from '../output';
import { parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';
import { formatDuration, printable } from '../text';

export const help = `Usage: token-budget override <orchestrator> --period <period> --tokens <n>
                             --reason <text> --for <duration> [options]
       token-budget override <orchestrator> --list [--period <period>]
       token-budget override <orchestrator> --remove <id>

More tokens for one orchestrator until the time is over, for every process at
once. Writes the override's id.

Override:
  --period <period>        hourly, daily or monthly
  --tokens <n>             how many more: 50000, 50_000, 50k
  --reason <text>          why
  --for <duration>         how long: 90s, 1h, 1h30m
  --by <name>              who gives them (default: the user of the process)
  --id <id>                its id; an override that has it is replaced
  --list                   the live overrides, soonest end first
  --remove <id>            ends one before its time

${TARGET_HELP}
Output:
  --json                   JSON on standard output: an override
                           {id orchestratorId period additionalTokens reason
                           createdBy expiresAt}, a list of them, or {removed}
  -h, --help               this page

Example:
  token-budget override support --period hourly --tokens 50k \\
    --reason 'Production incident' --for 1h --redis redis://localhost
`;

export const OPTIONS = {
  period: { type: 'string' },
  tokens: { type: 'string' },
  reason: { type: 'string' },
  for: { type: 'string' },
  by: { type: 'string' },
  id: { type: 'string' },
  list: { type: 'boolean' },
  remove: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const orchestratorId = onlyOne(positionals, 'one orchestrator');
  if (values.list && values.remove !== undefined) {
    throw new UsageError('--list and --remove exclude each other');
  }
  const work = workOf(values, orchestratorId);
  const target = readTarget(values, process.env, readDuration(values.timeout ?? '5s', '--timeout'));
  const text = await withTracker(target, work);
  await write(process.stdout, text);
  return EXIT.fine;
}

type Values = ReturnType<typeof parseTargetArguments<typeof OPTIONS>>['values'];

/** Everything is read before anything is opened. */
function workOf(values: Values, orchestratorId: string): (tracker: TokenBudgetTracker) => Promise<string> {
  const json = values.json === true;
  const { remove } = values;
  if (values.list) {
    const period = values.period === undefined ? undefined : readPeriod(values.period, '--period');
    return async tracker => {
      const overrides = (await tracker.listOverrides(orchestratorId, period)).map(overrideView);
      return json ? `${JSON.stringify(overrides, null, 2)}\n` : table(overrides);
    };
  }
  if (remove !== undefined) {
    return async tracker => {
      if (!(await tracker.removeOverride(orchestratorId, remove))) {
        throw new CommandError(`${orchestratorId} has no override ${JSON.stringify(remove)}`);
      }
      return json ? `${JSON.stringify({ removed: remove })}\n` : `removed ${printable(remove)}\n`;
    };
  }
  const override = {
    orchestratorId,
    period: readPeriod(values.period, '--period'),
    additionalTokens: readAmount(needed(values.tokens, '--tokens'), '--tokens'),
    reason: needed(values.reason, '--reason'),
    createdBy: values.by ?? userName(),
    id: values.id ?? uuid(),
  };
  const forMs = readDuration(needed(values.for, '--for'), '--for');
  return async tracker => {
    const expiresAt = new Date(Date.now() + forMs);
    await tracker.setBudgetOverride({ ...override, expiresAt });
    const made = { orchestratorId, ...overrideView({ ...override, expiresAt }) };
    return json ? `${JSON.stringify(made, null, 2)}\n` : `${printable(override.id)}\n`;
  };
}

function needed(text: string | undefined, option: string): string {
  if (text === undefined || text === '') throw new UsageError(`${option} is needed`);
  return text;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry, as in some containers.
    return 'token-budget';
  }
}

function table(overrides: ReadonlyArray<ReturnType<typeof overrideView>>): string {
  if (overrides.length === 0) return 'no override\n';
  const rows = overrides.map(override => [
    printable(override.id),
    override.period,
    `+${formatCount(override.additionalTokens)}`,
    formatDuration(Date.parse(override.expiresAt) - Date.now()),
    printable(override.createdBy),
    printable(override.reason),
  ]);
  return `${alignColumns([['id', 'period', 'tokens', 'ends in', 'by', 'reason'], ...rows], 'llrrll').join('\n')}\n`;
}
