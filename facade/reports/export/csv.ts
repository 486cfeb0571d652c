import type { StoredUsage } from '../../types/reports';

const COLUMNS = [
  ...['id', 'orchestratorId', 'sessionId', 'timestamp', 'modelId', 'provider', 'toolName', 'toolCallId'],
  ...['inputTokens', 'outputTokens', 'totalTokens', 'cacheReadTokens', 'cacheWriteTokens', 'reasoningTokens'],
  ...['batch', 'inputCost', 'outputCost', 'currency', 'metadata'],
];

export const CSV_HEADER = `${COLUMNS.join(',')}\r\n`;

/** One line, ended as RFC 4180 ends it. */
export function csvLine(usage: StoredUsage): string {
  const { cost } = usage;
  const cells = [
    ...[usage.id, usage.orchestratorId, usage.sessionId, usage.timestamp.toISOString()],
    ...[usage.modelId, usage.provider, usage.toolName, usage.toolCallId],
    ...[usage.inputTokens, usage.outputTokens, usage.totalTokens],
    ...[usage.cacheReadTokens, usage.cacheWriteTokens, usage.reasoningTokens, usage.batch],
    ...[cost?.input, cost?.output, cost?.currency],
    usage.metadata === undefined ? undefined : JSON.stringify(usage.metadata),
  ];
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/**
 * A text that a spreadsheet would take for a formula gets an apostrophe in front, which makes it text; so does one that
 * begins with an apostrophe, so that the apostrophe can be taken away again by whoever reads the file.
 */
export function csvCell(value: string | number | boolean | undefined): string {
  if (typeof value !== 'string') return value === undefined ? '' : String(value);
  const harmless = /^[=+\-@\t\r\n']/.test(value) || /^[＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
