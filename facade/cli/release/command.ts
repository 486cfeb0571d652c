import { TokenBudgetError } from '../../errors';
import { reservationView } from '../../serve/snapshot';
import type { TokenBudgetTracker } from '../../tracker';
import type { Money } from '../../types/money';
import { type GivenMoney, readAmount, readMoney } from '../amount';
import { readDuration, readPeriod } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { alignColumns, formatCount, formatMoney } from '../format';
import { write } from '../output';
import { moneyIn, parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';
import { formatDuration, printable } from '../text';

export const help = `Usage: token-budget release <reservation id>... [--used <n>] [--cost <amount>]
                            [options]
       token-budget release --list <orchestrator> [--period <period>] [options]

Ends reservations that nobody will end any more, and gives their tokens and
money back.

Reservation:
  --used <n>               tokens that were used, of each; they are recorded
                           (default 0)
  --cost <amount>          what they cost, of each: 0.05 (in the currency of the
                           budgets), or 0.05EUR (default: the share that the
                           tokens have of what the reservation holds)
  --list <orchestrator>    what it holds, soonest expiry first, at most 1000
  --period <period>        with --list: held in hourly, daily or monthly

${TARGET_HELP}
Output:
  --json                   JSON on standard output: a list of reservations
                           {id tokens cost{amount,currency} periods createdAt
                           expiresAt}, or {released[id] notFound[id]}
  -h, --help               this page

Exits with 1 when a reservation was not found, after the others were ended.

Example:
  token-budget release --list support --redis redis://localhost
`;

export const OPTIONS = {
  list: { type: 'string' },
  period: { type: 'string' },
  used: { type: 'string' },
  cost: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const LIST_MAX = 1000;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const { list, json = false } = values;
  const told = values.used !== undefined || values.cost !== undefined;
  if (list !== undefined && (positionals.length > 0 || told)) {
    throw new UsageError('--list ends nothing: leave ids, --used and --cost out');
  }
  if (list === undefined && positionals.length === 0) {
    throw new UsageError('name reservations, or an orchestrator with --list');
  }
  if (list === undefined && values.period !== undefined) throw new UsageError('--period needs --list');
  const period = values.period === undefined ? undefined : readPeriod(values.period, '--period');
  const used = values.used === undefined ? 0 : readAmount(values.used, '--used');
  const cost: GivenMoney | null = values.cost === undefined ? null : readMoney(values.cost, '--cost');
  const timeoutMs = readDuration(values.timeout ?? '5s', '--timeout');
  const target = readTarget(values, process.env, timeoutMs, cost);
  if (list !== undefined) {
    const held = await withTracker(target, tracker =>
      tracker.listReservations(list, { limit: LIST_MAX, ...(period !== undefined && { period }) }),
    );
    const views = held.map(reservationView);
    await write(process.stdout, json ? `${JSON.stringify(views, null, 2)}\n` : table(views));
    return EXIT.fine;
  }
  const outcome = await withTracker(target, tracker =>
    release(tracker, positionals, used, moneyIn(cost, target)),
  );
  const text = outcome.released.map(id => `released ${printable(id)}\n`).join('');
  await write(process.stdout, json ? `${JSON.stringify(outcome, null, 2)}\n` : text);
  if (outcome.notFound.length === 0) return EXIT.fine;
  throw new CommandError(`not found: ${outcome.notFound.map(printable).join(', ')}`);
}

/** The others are ended all the same when one is not found; any other failure ends it. */
async function release(
  tracker: TokenBudgetTracker,
  ids: readonly string[],
  used: number,
  cost: Money | undefined,
) {
  const outcome = { released: [] as string[], notFound: [] as string[] };
  for (const id of new Set(ids)) {
    try {
      await tracker.releaseReservation(id, used, cost === undefined ? {} : { cost });
      outcome.released.push(id);
    } catch (error) {
      if (!(error instanceof TokenBudgetError && error.code === 'RESERVATION_NOT_FOUND')) throw error;
      outcome.notFound.push(id);
    }
  }
  return outcome;
}

function table(reservations: ReadonlyArray<ReturnType<typeof reservationView>>): string {
  if (reservations.length === 0) return 'nothing is held\n';
  const priced = reservations.some(({ cost }) => cost !== null);
  const rows = reservations.map(({ id, tokens, cost, periods, expiresAt }) => [
    printable(id),
    formatCount(tokens),
    ...(priced ? [cost === null ? '-' : formatMoney(cost)] : []),
    periods.join(','),
    formatDuration(Date.parse(expiresAt) - Date.now()),
  ]);
  const head = ['id', 'tokens', ...(priced ? ['cost'] : []), 'periods', 'expires in'];
  return `${alignColumns([head, ...rows], priced ? 'lrrlr' : 'lrlr').join('\n')}\n`;
}
