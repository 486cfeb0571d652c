import type { ExportFormat } from '../arguments';
import { storedUsageOf } from '../records';
import type { LedgerRecord } from '../source';
import { CSV_HEADER, csvLine } from './csv';

/** Records as text, a piece for each page. */
export async function* exportText(
  pages: AsyncIterable<readonly LedgerRecord[]>,
  format: ExportFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield CSV_HEADER;
  let isFirst = true;
  for await (const page of pages) {
    const usages = page.map(storedUsageOf);
    if (usages.length === 0) continue;
    if (format === 'csv') yield usages.map(csvLine).join('');
    else if (format === 'ndjson') yield usages.map(usage => `${JSON.stringify(usage)}\n`).join('');
    else yield `${isFirst ? '[\n' : ',\n'}${usages.map(usage => JSON.stringify(usage)).join(',\n')}`;
    isFirst = false;
  }
  if (format === 'json') yield isFirst ? '[]\n' : '\n]\n';
}
