import { alignColumns, formatCount } from '../format';
import { formatPercent, type Paint, printable } from '../text';
import type { Report, ReportQuery } from './reporter';

const MODELS_MAX = 50;
const ANOMALIES_MAX = 50;

export function renderReport(report: Report, query: ReportQuery, paint: Paint): string {
  const { summary, costEstimate } = report;
  const { currency } = costEstimate;
  // Of a model without a price its relatives tell what it may cost.
  const guessed = (costEstimate.breakdown ?? []).filter(({ isEstimate }) => isEstimate === true);
  const guessedModels = new Set(guessed.map(({ modelId }) => modelId));
  const guessedCost = guessed.reduce((sum, { totalCost }) => sum + totalCost, 0);
  const sections: string[][] = [
    [
      paint(`usage from ${query.startTime.toISOString()} to ${endOf(query)}`, 'bold'),
      ...alignColumns(
        [
          ['  tokens', formatCount(summary.totalTokens)],
          ['  input', formatCount(summary.totalInputTokens)],
          ['  output', formatCount(summary.totalOutputTokens)],
          ['  records', formatCount(summary.totalRecords)],
          ['  orchestrators', formatCount(summary.uniqueOrchestrators)],
          ['  sessions', formatCount(summary.uniqueSessions)],
          ['  cost', `${costEstimate.totalCost.toFixed(2)} ${currency}`],
          ...(guessed.length > 0 ? [['  ~ guessed of it', `${guessedCost.toFixed(2)} ${currency}`]] : []),
        ],
        'lr',
      ),
    ],
  ];
  for (const group of query.groupBy) {
    const rows = report.breakdown.filter(({ type }) => type === group);
    if (rows.length === 0) continue;
    const lines = rows
      .sort((a, b) => b.totalTokens - a.totalTokens)
      .slice(0, MODELS_MAX)
      .map(row => [
        printable(row.key),
        formatCount(row.inputTokens),
        formatCount(row.outputTokens),
        formatCount(row.totalTokens),
        formatPercent(row.percentage),
        formatCount(row.recordCount),
        group === 'model' && guessedModels.has(row.key) ? `~${costText(row.cost)}` : costText(row.cost),
      ]);
    const head = [group, 'input', 'output', 'tokens', 'share', 'records', `cost ${currency}`];
    sections.push(headed(alignColumns([head, ...lines], 'lrrrrrr'), paint));
    if (rows.length > MODELS_MAX) sections.at(-1)?.push(`${rows.length - MODELS_MAX} more`);
  }
  if (report.timeSeries !== undefined && report.timeSeries.length > 0) {
    const lines = report.timeSeries.map(slot => [
      new Date(slot.start).toISOString().slice(0, query.granularity === 'hourly' ? 16 : 10),
      formatCount(slot.inputTokens),
      formatCount(slot.outputTokens),
      formatCount(slot.totalTokens),
      formatCount(slot.records),
      costText(slot.cost),
    ]);
    const head = [query.granularity, 'input', 'output', 'tokens', 'records', `cost ${currency}`];
    sections.push(headed(alignColumns([head, ...lines], 'lrrrrr'), paint));
  }
  if (query.includeAnomalies) sections.push(anomalyLines(report, paint));
  return `${sections.map(lines => lines.join('\n')).join('\n\n')}\n`;
}

/** The first instant that is not in it, as it was asked for. */
function endOf({ endTime }: ReportQuery): string {
  return new Date(endTime.getTime() + 1).toISOString();
}

/** Silence would be taken for "there are none". */
function anomalyLines({ anomalies, anomalySearch }: Report, paint: Paint): string[] {
  const head = paint('anomalies', 'bold');
  if (anomalies === undefined) return [head, '  not looked for: detection is off'];
  const lines = anomalies
    .slice(-ANOMALIES_MAX)
    .map(({ timestamp, severity, orchestratorId, description }) => {
      const at = new Date(timestamp).toISOString();
      return `  ${at} ${severity} ${printable(orchestratorId)}: ${printable(description)}`;
    });
  if (lines.length === 0) lines.push('  none');
  const earlier = anomalies.length - ANOMALIES_MAX + (anomalySearch?.leftOut ?? 0);
  if (earlier > 0) lines.unshift(`  ${formatCount(earlier)} earlier ones`);
  if (anomalySearch?.startTime === undefined && anomalySearch !== undefined) {
    lines.push('  not looked for: the time has not begun');
  }
  const others = anomalySearch?.notLookedAt ?? 0;
  if (others > 0) lines.push(`  not looked at: ${formatCount(others)} orchestrators that have used less`);
  return [head, ...lines];
}

function headed([head = '', ...lines]: string[], paint: Paint): string[] {
  return [paint(head, 'bold'), ...lines];
}

/** A number, a decimal text, or `{ amount }`. */
function costText(cost: unknown): string {
  const amount = typeof cost === 'object' && cost !== null ? (cost as { amount?: unknown }).amount : cost;
  if (typeof amount === 'number') return amount.toFixed(2);
  return typeof amount === 'string' ? amount : '-';
}
