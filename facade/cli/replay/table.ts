import { percentOf } from '../../percent';
import { PERIODS } from '../../periods';
import { alignColumns, formatCount, makeTimeFormat } from '../format';
import type { ReplayReport } from './report';

/** Windows of one kind in the table; `--json` has them all. */
const WINDOWS_SHOWN_MAX = 48;
const NOTHING = '-';

/** The report for people, at most 80 columns wide for figures of usual size. */
export function renderTable(report: ReplayReport): string {
  const time = makeTimeFormat(report.timeZone);
  const at = (iso: string | null) => (iso === null ? NOTHING : time(Date.parse(iso)));
  const sections = [
    alignColumns(header(report, at), 'll'),
    alignColumns(counts(report), 'lr'),
    alignColumns(tokens(report), 'lrrr'),
    windows(report, at),
    thresholds(report, at),
    alignColumns(footer(report), 'll'),
  ];
  return `${sections.map(lines => lines.join('\n')).join('\n\n')}\n`;
}

type Show = (iso: string | null) => string;

function header(report: ReplayReport, at: Show): string[][] {
  const limits = PERIODS.filter(period => report.limits[period] !== null).map(
    period => `${period} ${formatCount(report.limits[period] as number)}`,
  );
  const rows = [
    ['Trace', report.trace],
    ['Time', `${at(report.firstAt)} to ${at(report.lastAt)} (${report.timeZone})`],
  ];
  if (report.store === 'embedded') {
    rows.push(['Store', 'embedded, on the clock of the trace']);
  } else {
    rows.push(['Store', `Redis at ${report.address}`], ['Keys', `${report.keyPrefix}:* (left to expire)`]);
    rows.push(['Rebased', rebased(report, at)]);
  }
  rows.push(['Limits', limits.join(', ') || 'none']);
  rows.push(['Estimate', report.estimate]);
  return rows;
}

function rebased(report: ReplayReport, at: Show): string {
  if (report.rebasedByMs === null || report.firstAt === null || report.lastAt === null) {
    return NOTHING;
  }
  const [first, last] = [report.firstAt, report.lastAt].map(iso =>
    at(new Date(Date.parse(iso) + (report.rebasedByMs as number)).toISOString()),
  );
  return `${first} to ${last}`;
}

function counts(report: ReplayReport): string[][] {
  const rows: Array<[string, number]> = [
    ['Requests', report.requests],
    ['  admitted', report.admitted],
    ['  denied', report.denied],
  ];
  for (const period of PERIODS) {
    if (report.deniedBy[period] > 0) {
      rows.push([`    by the ${period} limit`, report.deniedBy[period]]);
    }
  }
  if (report.failed > 0) {
    rows.push(['  failed', report.failed]);
  }
  if (report.outOfOrderRows > 0) {
    rows.push(['  earlier than one before', report.outOfOrderRows]);
  }
  rows.push(['Malformed rows', report.malformedRows]);
  return rows.map(([name, count]) => [name, formatCount(count)]);
}

function tokens(report: ReplayReport): string[][] {
  const row = (name: string, ...figures: number[]) => [name, ...figures.map(formatCount)];
  const rows = [
    ['Tokens', 'prompt', 'completion', 'total'],
    row('  counted', report.promptTokens, report.completionTokens, report.totalTokens),
  ];
  if (report.denied > 0) {
    rows.push(
      row('  denied', report.deniedPromptTokens, report.deniedCompletionTokens, report.deniedTotalTokens),
    );
  }
  rows.push(['  reserved', '', '', formatCount(report.reservedTokens)]);
  rows.push(['  beyond reserved', '', '', formatCount(report.overageTokens)]);
  return rows;
}

function windows(report: ReplayReport, at: Show): string[] {
  const rows = [['Tokens per window', 'prompt', 'completion', 'total', 'of limit']];
  const hidden: string[] = [];
  for (const period of PERIODS) {
    const all = report.windows.filter(window => window.period === period);
    for (const window of all.slice(-WINDOWS_SHOWN_MAX)) {
      const { promptTokens, completionTokens, totalTokens, limitTokens } = window;
      rows.push([
        `  ${period} ${windowName(period, at(window.startsAt))}`,
        ...[promptTokens, completionTokens, totalTokens].map(formatCount),
        limitTokens === null ? NOTHING : share(totalTokens, limitTokens),
      ]);
    }
    if (all.length > WINDOWS_SHOWN_MAX) {
      hidden.push(`  ${formatCount(all.length - WINDOWS_SHOWN_MAX)} earlier ${period} windows: see --json`);
    }
  }
  return [...alignColumns(rows, 'lrrrr'), ...hidden];
}

function windowName(period: string, start: string): string {
  const length = { hourly: 'yyyy-mm-dd hh:mm', daily: 'yyyy-mm-dd', monthly: 'yyyy-mm' }[period] ?? start;
  return start.slice(0, length.length);
}

function share(tokens: number, limit: number): string {
  return limit === 0 ? NOTHING : `${((tokens / limit) * 100).toFixed(1)}%`;
}

function thresholds(report: ReplayReport, at: Show): string[] {
  if (report.thresholds.length === 0) {
    return ['Thresholds crossed  none'];
  }
  const onRedis = report.store === 'redis';
  const title = ['Thresholds crossed', onRedis ? 'time in the trace' : 'when', 'used + held', 'limit'];
  const rows = report.thresholds.map(crossing => [
    `  ${percentOf(crossing.threshold)}% ${crossing.period}`,
    at(crossing.traceAt),
    formatCount(crossing.usedTokens + crossing.reservedTokens),
    formatCount(crossing.limitTokens),
  ]);
  if (!onRedis) {
    return alignColumns([title, ...rows], 'llrr');
  }
  title.splice(2, 0, 'rebased');
  for (const [index, crossing] of report.thresholds.entries()) {
    rows[index]?.splice(2, 0, at(crossing.rebasedAt).slice('yyyy-mm-dd '.length));
  }
  return alignColumns([title, ...rows], 'lllrr');
}

function footer(report: ReplayReport): string[][] {
  const { agrees, differences } = report.selfCheck;
  const rows = [
    ['Self-check', agrees ? 'the tracker counted exactly what was settled' : 'DIFFERS'],
    ...differences.map(difference => ['', difference]),
    ...report.notes.map(note => ['Note', note]),
    [
      'Speed',
      `${formatCount(report.operationsPerSecond)} operations per second: ` +
        `${formatCount(report.operations)} in ${(report.durationMs / 1000).toFixed(3)} s`,
    ],
  ];
  if (report.interrupted) {
    rows.push(['Interrupted', 'the figures above are those so far']);
  }
  if (report.failure !== null) {
    rows.push(['Stopped', report.failure]);
  }
  return rows;
}
