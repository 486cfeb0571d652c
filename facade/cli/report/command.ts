import { TokenBudgetError } from '../../errors';
import { parseArguments, readInstant } from '../arguments';
import { CommandError, EXIT, UsageError } from '../exit';
import { write } from '../output';
import { paintFor } from '../text';
import {
  GRANULARITIES,
  GROUPS,
  type Group,
  type OpenReporter,
  openReporter,
  type Reporter,
  type ReportQuery,
} from './reporter';
import { renderReport } from './table';

export const help = `Usage: token-budget report --ledger <path> [options]

Tokens and cost over a time, from the ledger that a UsageReporter keeps.

Report:
  --ledger <path>          the ledger (TOKEN_BUDGET_LEDGER)
  --from <instant>         2026-01-31, 2026-01-31T12:00Z, or how long ago: 7d
                           (default 7d)
  --to <instant>           not included (default: now)
  --by <list>              groups: orchestrator, session, model, tool
                           (default model)
  --granularity <word>     hourly, daily (default), weekly or monthly
  --orchestrator <id>      only its usage
  --session <id>           only its usage
  --anomalies              what was unusual in that time, of the
                           orchestrator or of the 100 that used most

Output:
  --json                   the report, as getReport answers it
  --csv                    every record as CSV
  --ndjson                 every record as a line of JSON
  -h, --help               this page

Example:
  token-budget report --ledger ./usage.db --from 30d --by model,orchestrator
`;

export const OPTIONS = {
  ledger: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  by: { type: 'string', multiple: true },
  granularity: { type: 'string' },
  orchestrator: { type: 'string' },
  session: { type: 'string' },
  anomalies: { type: 'boolean' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
  ndjson: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Output = 'table' | 'json' | 'csv' | 'ndjson';

/** `open` is replaced by tests. */
export async function run(args: string[], open: OpenReporter = openReporter): Promise<number> {
  const { values, positionals } = parseArguments(args, OPTIONS);
  if (positionals.length > 0) throw new UsageError(`expected options only, got ${positionals.length} words`);
  const path = values.ledger ?? process.env.TOKEN_BUDGET_LEDGER ?? '';
  if (path === '') throw new UsageError('--ledger is needed, or TOKEN_BUDGET_LEDGER in the environment');
  const chosen = (['json', 'csv', 'ndjson'] as const).filter(name => values[name]);
  if (chosen.length > 1) throw new UsageError(`--${chosen.join(' and --')} exclude each other`);
  const nowMs = Date.now();
  const startTime = readInstant(values.from ?? '7d', '--from', nowMs);
  const endMs = values.to === undefined ? nowMs : readInstant(values.to, '--to', nowMs).getTime();
  if (startTime.getTime() >= endMs) throw new UsageError('--from: expected an instant before --to');
  const query: ReportQuery = {
    startTime,
    // The reporter includes both ends.
    endTime: new Date(endMs - 1),
    granularity: oneOf(GRANULARITIES, values.granularity ?? 'daily', '--granularity'),
    groupBy: readGroups(values.by ?? ['model']),
    includeAnomalies: values.anomalies ?? false,
    ...(values.orchestrator !== undefined && { orchestratorId: values.orchestrator }),
    ...(values.session !== undefined && { sessionId: values.session }),
  };
  const reporter = open(path);
  try {
    await tell(reporter, query, chosen[0] ?? 'table');
    return EXIT.fine;
  } catch (error) {
    throw ledgerFailure(error);
  } finally {
    await reporter.close();
  }
}

/** The arguments were checked: what the ledger refuses now is its own. */
function ledgerFailure(error: unknown): unknown {
  if (!(error instanceof TokenBudgetError)) return error;
  return new CommandError(`--ledger: ${error.message.replace(/^path: /, '')}`);
}

async function tell(reporter: Reporter, query: ReportQuery, output: Output): Promise<void> {
  if (output === 'csv' || output === 'ndjson') {
    const { granularity: _granularity, groupBy: _groupBy, includeAnomalies: _anomalies, ...filter } = query;
    // Each piece is written before the next is read, so that memory stays flat.
    for await (const text of reporter.exportRecords({ format: output, ...filter })) {
      await write(process.stdout, text);
    }
    return;
  }
  const report = await reporter.getReport(query);
  const table = () => renderReport(report, query, paintFor(process.stdout, process.env));
  await write(process.stdout, output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : table());
}

function readGroups(lists: readonly string[]): Group[] {
  const words = lists.flatMap(list => list.split(',')).map(word => word.trim());
  return [...new Set(words.map(word => oneOf(GROUPS, word, '--by')))];
}

function oneOf<T extends string>(words: readonly T[], text: string, option: string): T {
  const found = words.find(word => word === text);
  if (found === undefined) {
    throw new UsageError(`${option}: expected ${words.join(', ')}, got ${JSON.stringify(text)}`);
  }
  return found;
}
