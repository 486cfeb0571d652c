import { TokenBudgetError, type TokenBudgetErrorCode } from '../errors';
import type { Ledger } from '../native';
import { Batches } from './batches';
import type { LedgerQuery, LedgerRecord, LedgerSums, Outcome, UsageSource, UsageView } from './source';

/** Records in a ledger of the addon: a file, or the memory of this process. Opened when it is first needed. */
export class LedgerSource implements UsageSource {
  readonly #ledger: Ledger;
  readonly #batches = new Batches(records => this.#write(records));
  #opening: Promise<void> | undefined;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  record(record: LedgerRecord): Promise<Outcome> {
    return this.#batches.add(record);
  }

  read<T>(query: LedgerQuery, use: (view: UsageView) => Promise<T>): Promise<T> {
    return use({
      sums: async (groupBy, boundariesMs) => {
        const asked = JSON.stringify({
          ...query,
          groupBy,
          ...(boundariesMs !== undefined && { boundariesMs }),
        });
        const answer = await this.#ask(ledger => ledger.sums(asked));
        return (JSON.parse(answer) as WireSums[]).map(withPico);
      },
      countDistinct: of => this.#ask(ledger => ledger.countDistinct(JSON.stringify(query), of)),
    });
  }

  async *pages(query: LedgerQuery, size: number): AsyncGenerator<readonly LedgerRecord[]> {
    const asked = JSON.stringify(query);
    let after: string | null = null;
    do {
      const place: string | null = after;
      const answer = await this.#ask(ledger => ledger.page(asked, place, size));
      const { records, next } = JSON.parse(answer) as { records: WireRecord[]; next: string | null };
      if (records.length > 0) yield records.map(withPico);
      after = next;
    } while (after !== null);
  }

  async deleteBefore(atMs: number, max: number): Promise<{ deleted: number; more: boolean }> {
    const deleted = await this.#ask(ledger => ledger.deleteBefore(atMs, max));
    return { deleted, more: deleted >= max };
  }

  async close(): Promise<void> {
    await this.#batches.close();
    if (this.#opening === undefined) return;
    // One that could not be opened has said so to whoever needed it.
    await this.#opening.then(() => told(() => this.#ledger.close())).catch(() => {});
  }

  async #write(records: LedgerRecord[]): Promise<Outcome[]> {
    const json = JSON.stringify(records.map(rowOf));
    return JSON.parse(await this.#ask(ledger => ledger.record(json))) as Outcome[];
  }

  async #ask<T>(call: (ledger: Ledger) => Promise<T>): Promise<T> {
    this.#opening ??= told(() => this.#ledger.open());
    await this.#opening.catch(error => {
      // What is in the way may be gone when it is asked for again.
      this.#opening = undefined;
      throw error;
    });
    return told(() => call(this.#ledger));
  }
}

/** The fields of `Record` in `src/store/ledger/record.rs`, in order. */
function rowOf(record: LedgerRecord): unknown[] {
  const { id, orchestratorId, sessionId, atMs, modelId, provider, tool } = record;
  const { input, output, total, inputPico, outputPico, currency, priced, extra } = record;
  return [
    id,
    orchestratorId,
    sessionId,
    atMs,
    modelId,
    provider,
    tool,
    input,
    output,
    total,
    String(inputPico),
    String(outputPico),
    currency,
    priced,
    extra,
  ];
}

type Wire<T> = Omit<T, 'inputPico' | 'outputPico'> & { inputPico: string; outputPico: string };
type WireSums = Wire<LedgerSums>;
type WireRecord = Wire<LedgerRecord>;

function withPico<T>(wire: T & { inputPico: string; outputPico: string }): Omit<
  T,
  'inputPico' | 'outputPico'
> & {
  inputPico: bigint;
  outputPico: bigint;
} {
  return { ...wire, inputPico: BigInt(wire.inputPico), outputPico: BigInt(wire.outputPico) };
}

const CODES: ReadonlySet<string> = new Set<TokenBudgetErrorCode>([
  'INVALID_ARGUMENT',
  'INVALID_CONFIG',
  'CLOSED',
]);

/** What the addon says, as an error of the caller's realm. It begins with its code where that is not the usual one. */
async function told<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const message = String((cause as { message?: unknown })?.message ?? cause);
    const [, code = '', rest = ''] = /^([A-Z_]+): ([\s\S]*)$/.exec(message) ?? [];
    if (CODES.has(code)) throw new TokenBudgetError(code as TokenBudgetErrorCode, rest, { cause });
    const text = code === 'STORE_UNAVAILABLE' ? rest : message;
    throw new TokenBudgetError('STORE_UNAVAILABLE', `The ledger failed: ${text}`, { cause });
  }
}
