import { userInfo } from 'node:os';
import { overrideView } from '../../serve/snapshot';
import type { TokenBudgetTracker } from '../../tracker';
import { uuid } from '../../uuid';
import { type GivenMoney, readAmount, readMoney } from '../amount';
import { onlyOne, readDuration, readPeriod } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { alignColumns, formatAddition } from '../format';
import { write } from '../output';
import { moneyIn, parseTargetArguments, readTarget, TARGET_HELP, type Target, withTracker } from '../target';
import { formatDuration, printable } from '../text';

export const help = `Usage: token-budget override <orchestrator> --period <period>
                             --tokens <n> | --cost <amount>
                             --reason <text> --for <duration> [options]
       token-budget override <orchestrator> --list [--period <period>]
       token-budget override <orchestrator> --remove <id>

More tokens or money for one orchestrator until the time is over, for every
process at once. Writes the override's id.

Override:
  --period <period>        hourly, daily or monthly
  --tokens <n>             how many more: 50000, 50_000, 50k
  --cost <amount>          how much more money: 0.50 (in the currency of the
                           budgets), or 0.50EUR
  --reason <text>          why
  --for <duration>         how long: 90s, 1h, 1h30m
  --by <name>              who gives them (default: the user of the process)
  --id <id>                its id; an override that has it is replaced
  --list                   the live overrides, soonest end first
  --remove <id>            ends one before its time

${TARGET_HELP}
Output:
  --json                   JSON on standard output: an override
                           {id orchestratorId period additionalTokens
                           additionalCost{amount,currency} reason createdBy
                           expiresAt}, a list of them, or {removed}
  -h, --help               this page

Example:
  token-budget override support --period hourly --tokens 50k \\
    --reason 'Production incident' --for 1h --redis redis://localhost
`;

export const OPTIONS = {
  period: { type: 'string' },
  tokens: { type: 'string' },
  cost: { type: 'string' },
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
  const more = values.list || values.remove !== undefined ? null : readMore(values);
  const work = workOf(values, orchestratorId, more);
  const timeoutMs = readDuration(values.timeout ?? '5s', '--timeout');
  const target = readTarget(values, process.env, timeoutMs, more?.cost);
  const text = await withTracker(target, tracker => work(tracker, target));
  await write(process.stdout, text);
  return EXIT.fine;
}

type Values = ReturnType<typeof parseTargetArguments<typeof OPTIONS>>['values'];

/** What is given: the one or the other. */
interface More {
  tokens: number;
  cost: GivenMoney | null;
}

function readMore({ tokens, cost }: Values): More {
  if (tokens !== undefined && cost !== undefined) {
    throw new UsageError('--tokens and --cost exclude each other: an override of each');
  }
  if (cost !== undefined) {
    const money = readMoney(cost, '--cost');
    if (Number(money.amount) === 0) throw new UsageError('--cost: expected an amount above 0');
    return { tokens: 0, cost: money };
  }
  if (tokens === undefined) throw new UsageError('--tokens or --cost is needed');
  return { tokens: readAmount(tokens, '--tokens'), cost: null };
}

type Work = (tracker: TokenBudgetTracker, target: Target) => Promise<string>;

/** Everything is read before anything is opened. */
function workOf(values: Values, orchestratorId: string, more: More | null): Work {
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
    additionalTokens: more?.tokens ?? 0,
    reason: needed(values.reason, '--reason'),
    createdBy: values.by ?? userName(),
    id: values.id ?? uuid(),
  };
  const forMs = readDuration(needed(values.for, '--for'), '--for');
  return async (tracker, target) => {
    const expiresAt = new Date(Date.now() + forMs);
    const cost = moneyIn(more?.cost ?? null, target);
    const given = { ...override, ...(cost !== undefined && { additionalCost: cost }), expiresAt };
    await tracker.setBudgetOverride(given);
    // As it is now counted, in the currency of the store.
    const stored = (await tracker.listOverrides(orchestratorId)).find(({ id }) => id === override.id);
    const made = { orchestratorId, ...overrideView(stored ?? given) };
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
    formatAddition(override),
    formatDuration(Date.parse(override.expiresAt) - Date.now()),
    printable(override.createdBy),
    printable(override.reason),
  ]);
  return `${alignColumns([['id', 'period', 'more', 'ends in', 'by', 'reason'], ...rows], 'llrrll').join('\n')}\n`;
}
