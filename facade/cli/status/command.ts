import { readSnapshot, type Snapshot } from '../../serve/snapshot';
import { readDuration } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { knownOrchestrators } from '../known/names';
import { write } from '../output';
import { parseTargetArguments, readTarget, TARGET_HELP, withTracker } from '../target';
import { paintFor } from '../text';
import { renderStatus } from './table';

export const help = `Usage: token-budget status [options] [orchestrator...]

What is used, reserved and left in each window. Without names: every
orchestrator that has keys on the Redis server, and those of the configuration.

${TARGET_HELP}
Output:
  --json                   one JSON object on standard output, see below
  --fail-at <percent>      exit with 3 when a window is used, with what is
                           reserved, to so much of its limit of tokens or
                           money
  -h, --help               this page

Fields of --json (tokens are exact integers, instants ISO 8601 in UTC):
  at storeUp failure thresholds leftOut note
  orchestrators[{orchestratorId pause{reason,pausedBy,until}
    windows[{period usedTokens reservedTokens limitTokens remainingTokens
      percentUsed tightest{by: tokens or cost, percentUsed}
      activeReservations startsAt endsAt promptTokens completionTokens
      topModels[{model,tokens}]
      cost{used reserved limit remaining percentUsed}}]
    reservations[{id tokens cost periods createdAt expiresAt}]
    overrides[{id period additionalTokens additionalCost reason createdBy
      expiresAt}]}]
  limitTokens and remainingTokens are null when unlimited. Money is
  {amount,currency}, exact decimal text; cost is null where none was counted,
  and its limit null when none is known here: another process may have one in
  its own configuration.

Example:
  token-budget status --redis redis://localhost --budget hourly=100k
`;

export const OPTIONS = { json: { type: 'boolean' }, 'fail-at': { type: 'string' } } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseTargetArguments(args, OPTIONS);
  const failAt = readFailAt(values['fail-at']);
  const timeoutMs = readDuration(values.timeout ?? '5s', '--timeout');
  const target = readTarget(values, process.env, timeoutMs);
  const { snapshot, note } = await withTracker(target, async tracker => {
    const known = await knownOrchestrators(target, positionals, timeoutMs);
    // Whoever is named is shown, however many there are.
    const options = positionals.length > 0 ? { orchestratorsMax: positionals.length } : {};
    return { snapshot: await readSnapshot(tracker, known.names, options), note: known.note };
  });
  if (snapshot.failure !== null) throw new CommandError(snapshot.failure);
  const table = () => renderStatus(snapshot, Date.now(), paintFor(process.stdout, process.env));
  await write(process.stdout, values.json ? `${JSON.stringify({ ...snapshot, note }, null, 2)}\n` : table());
  if (note !== null && !values.json) await write(process.stderr, `token-budget status: ${note}\n`);
  return failAt !== null && reached(snapshot, failAt) ? EXIT.reached : EXIT.fine;
}

function reached(snapshot: Snapshot, percent: number): boolean {
  return snapshot.orchestrators.some(one =>
    one.windows.some(({ tightest }) => tightest !== null && tightest.percentUsed >= percent),
  );
}

function readFailAt(text: string | undefined): number | null {
  if (text === undefined) return null;
  const [, number] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
  if (number === undefined) {
    throw new UsageError(`--fail-at: expected a percentage such as 90, got ${JSON.stringify(text)}`);
  }
  return Number(number);
}
