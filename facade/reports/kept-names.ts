import type { TokenUsageRecord } from '../types/costs';
import type { ReportGroup } from '../types/reports';
import type { LedgerQuery, LedgerRecord, LedgerSums, Outcome, UsageSource, UsageView } from './source';

/**
 * Trackers accept names with lone surrogates and NUL; UTF-8 has no place for the former, PostgreSQL none for the latter.
 * Such a character is kept as U+FFFF, which no text has for itself, and its four hexadecimal digits; U+FFFF too.
 */
const MARK = '\uffff';
const UNKEEPABLE = /[\0\uffff\p{Cs}]/u;
const ALL_UNKEEPABLE = /[\0\uffff\p{Cs}]/gu;
const MARKED = /\uffff([0-9a-f]{4})/g;

export function keptName(name: string): string {
  if (!UNKEEPABLE.test(name)) return name;
  return name.replace(ALL_UNKEEPABLE, unit => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

export function givenName(kept: string): string {
  if (!kept.includes(MARK)) return kept;
  return kept.replace(MARKED, (_marked, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

const NAMES = ['id', 'orchestratorId', 'sessionId', 'modelId', 'provider', 'tool'] as const;

/** A source that can keep any name, over one that cannot. */
export class KeptNames implements UsageSource {
  readonly #source: UsageSource;

  constructor(source: UsageSource) {
    this.#source = source;
  }

  record(record: LedgerRecord, given: TokenUsageRecord): Promise<Outcome> {
    return this.#source.record(renamed(record, keptName), given);
  }

  read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    return this.#source.read(keptQuery(query), view =>
      use({
        sums: async (groupBy: ReportGroup | 'none', boundariesMs?: readonly number[]) =>
          (await view.sums(groupBy, boundariesMs)).map(givenSums),
        countDistinct: of => view.countDistinct(of),
      }),
    );
  }

  async *pages(query: LedgerQuery, size: number): AsyncGenerator<readonly LedgerRecord[]> {
    for await (const page of this.#source.pages(keptQuery(query), size)) {
      yield page.map(record => renamed(record, givenName));
    }
  }

  deleteBefore(atMs: number, max: number): Promise<{ deleted: number; more: boolean }> {
    return this.#source.deleteBefore(atMs, max);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

function renamed(record: LedgerRecord, rename: (name: string) => string): LedgerRecord {
  let copy = record;
  for (const name of NAMES) {
    const other = rename(record[name]);
    if (other !== record[name]) copy = { ...copy, [name]: other };
  }
  return copy;
}

function keptQuery(query: LedgerQuery): LedgerQuery {
  const { orchestratorId, sessionId } = query;
  return {
    ...query,
    ...(orchestratorId !== undefined && { orchestratorId: keptName(orchestratorId) }),
    ...(sessionId !== undefined && { sessionId: keptName(sessionId) }),
  };
}

function givenSums(sums: LedgerSums): LedgerSums {
  const [key, detail] = [givenName(sums.key), givenName(sums.detail)];
  return key === sums.key && detail === sums.detail ? sums : { ...sums, key, detail };
}
