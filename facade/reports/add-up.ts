import type { ReportGroup } from '../types/reports';
import type { LedgerRecord, LedgerSums } from './source';

/** Sums of records that are in memory already, in one pass. */
export function addUp(
  records: Iterable<LedgerRecord>,
  groupBy: ReportGroup | 'none',
  boundariesMs?: readonly number[],
): LedgerSums[] {
  const sums = new Map<string, LedgerSums>();
  for (const record of records) {
    const [key, detail] = keyOf(record, groupBy);
    const bucketMs = boundariesMs === undefined ? undefined : boundaryOf(record.atMs, boundariesMs);
    const place = JSON.stringify([key, detail, bucketMs, record.currency]);
    const known = sums.get(place);
    const one = sumsOf(record, key, detail, bucketMs);
    if (known === undefined) sums.set(place, one);
    else add(known, one);
  }
  return [...sums.values()];
}

function keyOf(record: LedgerRecord, groupBy: ReportGroup | 'none'): [key: string, detail: string] {
  switch (groupBy) {
    case 'none':
      return ['', ''];
    case 'orchestrator':
      return [record.orchestratorId, ''];
    case 'session':
      return [record.sessionId, ''];
    case 'model':
      return [record.modelId, record.provider];
    case 'tool':
      return [record.tool, ''];
  }
}

/** The last boundary that is not after the instant, or the first one. */
function boundaryOf(atMs: number, boundariesMs: readonly number[]): number {
  let low = 0;
  let high = boundariesMs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((boundariesMs[middle] as number) <= atMs) low = middle;
    else high = middle - 1;
  }
  return boundariesMs[low] as number;
}

function sumsOf(record: LedgerRecord, key: string, detail: string, bucketMs: number | undefined): LedgerSums {
  const { atMs, input, output, total, inputPico, outputPico, currency, priced } = record;
  return {
    ...{ key, detail, currency, records: 1, input, output, total, inputPico, outputPico },
    ...(bucketMs !== undefined && { bucketMs }),
    ...{ unpriced: priced ? 0 : 1, peak: total, peakAtMs: atMs, firstAtMs: atMs, lastAtMs: atMs },
  };
}

/** Adds `other` to `sums`, whatever each is of. */
export function add(sums: LedgerSums, other: LedgerSums): void {
  sums.records += other.records;
  sums.input += other.input;
  sums.output += other.output;
  sums.total += other.total;
  sums.inputPico += other.inputPico;
  sums.outputPico += other.outputPico;
  sums.unpriced += other.unpriced;
  if (other.peak > sums.peak || (other.peak === sums.peak && other.peakAtMs < sums.peakAtMs)) {
    sums.peak = other.peak;
    sums.peakAtMs = other.peakAtMs;
  }
  sums.firstAtMs = Math.min(sums.firstAtMs, other.firstAtMs);
  sums.lastAtMs = Math.max(sums.lastAtMs, other.lastAtMs);
}
