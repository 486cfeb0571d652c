import { TokenBudgetError } from '../../errors';
import { reservationView } from '../../serve/snapshot';
import type { TokenBudgetTracker } from '../../tracker';
import { readAmount } from '../amount';
import { readDuration, readPeriod } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { alignColumns, formatCount } from '../format';
import { write } from '../output';
import { parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';
import { formatDuration, printable } from '../text';

export const help = `Usage: token-budget release <reservation id>... [--used <n>] [options]
       token-budget release --list <orchestrator> [--period <period>] [options]

Ends reservations that nobody will end any more, and gives their tokens back.

Reservation:
  --used <n>               tokens that were used, of each; they are recorded
                           (default 0)
  --list <orchestrator>    what it holds, soonest expiry first, at most 1000
  --period <period>        with --list: held in hourly, daily or monthly

${TARGET_HELP}
Output:
  --json                   JSON on standard output: a list of reservations
                           {id tokens periods createdAt expiresAt}, or
                           {released[id] notFound[id]}
  -h, --help               this page

Exits with 1 when a reservation was not found, after the others were ended.

Example:
  token-budget release --list support --redis redis://localhost
`;

export const OPTIONS = {
  list: { type: 'string' },
  period: { type: 'string' },
  used: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const LIST_MAX = 1000;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const { list, json = false } = values;
  if (list !== undefined && (positionals.length > 0 || values.used !== undefined)) {
    throw new UsageError('--list ends nothing: leave ids and --used out');
  }
  if (list === undefined && positionals.length === 0) {
    throw new UsageError('name reservations, or an orchestrator with --list');
  }
  if (list === undefined && values.period !== undefined) throw new UsageError('--period needs --list');
  const period = values.period === undefined ? undefined : readPeriod(values.period, '--period');
  const used = values.used === undefined ? 0 : readAmount(values.used, '--used');
  const target = readTarget(values, process.env, readDuration(values.timeout ?? '5s', '--timeout'));
  if (list !== undefined) {
    const held = await withTracker(target, tracker =>
      tracker.listReservations(list, { limit: LIST_MAX, ...(period !== undefined && { period }) }),
    );
    const views = held.map(reservationView);
    await write(process.stdout, json ? `${JSON.stringify(views, null, 2)}\n` : table(views));
    return EXIT.fine;
  }
  const outcome = await withTracker(target, tracker => release(tracker, positionals, used));
  const text = outcome.released.map(id => `released ${printable(id)}\n`).join('');
  await write(process.stdout, json ? `${JSON.stringify(outcome, null, 2)}\n` : text);
  if (outcome.notFound.length === 0) return EXIT.fine;
  throw new CommandError(`not found: ${outcome.notFound.map(printable).join(', ')}`);
}

/** The others are ended all the same when one is not found; any other failure ends it. */
async function release(tracker: TokenBudgetTracker, ids: readonly string[], used: number) {
  const outcome = { released: [] as string[], notFound: [] as string[] };
  for (const id of new Set(ids)) {
    try {
      await tracker.releaseReservation(id, used);
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
  const rows = reservations.map(({ id, tokens, periods, expiresAt }) => [
    printable(id),
    formatCount(tokens),
    periods.join(','),
    formatDuration(Date.parse(expiresAt) - Date.now()),
  ]);
  return `${alignColumns([['id', 'tokens', 'periods', 'expires in'], ...rows], 'lrlr').join('\n')}\n`;
}
