import type { OrchestratorView, Snapshot, WindowView } from '../../serve/snapshot';
import type { BudgetPeriod } from '../../types/budget';
import { alignColumns, formatCount } from '../format';
import {
  colourOf,
  formatDuration,
  formatPercent,
  formatShort,
  type Paint,
  printable,
  shortenTo,
} from '../text';

export interface TopView {
  /** What is sorted by; `tightest`: for each the window that is used most. */
  by: BudgetPeriod | 'tightest';
  /** Index of the chosen one; `null`: nothing can be chosen. */
  selected: number | null;
  columns: number;
  /** `null`: as many as there are. */
  rows: number | null;
  nowMs: number;
}

const BAR_WIDTH = 20;
const NAME_MAX = 32;
const DETAIL_ROWS = 5;
const HEAD_ROWS = 3;

/** The one that is used most first. */
export function sortByUse(snapshot: Snapshot, by: TopView['by']): OrchestratorView[] {
  return [...snapshot.orchestrators].sort((a, b) => {
    const [left, right] = [windowOf(a, by), windowOf(b, by)];
    return (
      right.percentUsed - left.percentUsed ||
      right.usedTokens - left.usedTokens ||
      (a.orchestratorId < b.orchestratorId ? -1 : 1)
    );
  });
}

/** Lines of the screen, none longer than it is wide. */
export function renderTop(snapshot: Snapshot, view: TopView, paint: Paint): string[] {
  const sorted = sortByUse(snapshot, view.by);
  const selected = view.selected === null ? null : Math.min(view.selected, Math.max(0, sorted.length - 1));
  const room = view.rows === null ? sorted.length : Math.max(1, view.rows - HEAD_ROWS - DETAIL_ROWS);
  const from = selected === null ? 0 : Math.max(0, Math.min(selected - room + 1, sorted.length - room));
  const shown = sorted.slice(from, from + room);
  const head = ['orchestrator', 'period', 'used', 'reserved', 'limit', 'used %', 'bar', 'calls', 'resets in'];
  const table = alignColumns([head, ...shown.map(one => cellsOf(one, view))], 'llrrrrlrr');
  const lines = [title(snapshot, view)];
  for (const [index, line] of table.entries()) {
    const text = shortenTo(line, view.columns - 1);
    const one = shown[index - 1];
    if (one === undefined) lines.push(paint(text, 'bold'));
    else if (from + index - 1 === selected) lines.push(paint(text, 'inverse'));
    else lines.push(paintRow(text, windowOf(one, view.by), paint));
  }
  if (sorted.length === 0) lines.push('no orchestrator has used anything yet');
  const chosen = selected === null ? undefined : sorted[selected];
  if (chosen !== undefined) {
    lines.push('', ...details(chosen, view.nowMs).map(line => shortenTo(line, view.columns - 1)));
  }
  return lines;
}

function title(snapshot: Snapshot, { by, columns, selected }: TopView): string {
  const count = snapshot.orchestrators.length + snapshot.leftOut;
  const what =
    snapshot.failure === null ? `${count} orchestrators` : `the store is away: ${snapshot.failure}`;
  const keys = selected === null ? '' : '  arrows choose and sort, q quits';
  return shortenTo(`token budgets, ${by}  ${printable(what)}${keys}`, columns - 1);
}

function windowOf(one: OrchestratorView, by: TopView['by']): WindowView {
  const windows = [...one.windows].sort((a, b) => b.percentUsed - a.percentUsed);
  return (by === 'tightest' ? windows[0] : one.windows.find(({ period }) => period === by)) as WindowView;
}

function cellsOf(one: OrchestratorView, view: TopView): string[] {
  const window = windowOf(one, view.by);
  const { limitTokens } = window;
  return [
    shortenTo(printable(one.orchestratorId), NAME_MAX) + (one.pause === null ? '' : ' (paused)'),
    window.period,
    formatShort(window.usedTokens),
    formatShort(window.reservedTokens),
    limitTokens === null ? '-' : formatShort(limitTokens),
    limitTokens === null ? '-' : formatPercent(window.percentUsed),
    barOf(window),
    formatCount(window.activeReservations),
    formatDuration(Date.parse(window.endsAt) - view.nowMs),
  ];
}

/** `#` is used, `=` reserved, `.` left. */
function barOf({ usedTokens, reservedTokens, limitTokens }: WindowView): string {
  if (limitTokens === null) return ' '.repeat(BAR_WIDTH);
  const part = (tokens: number) =>
    limitTokens === 0 ? BAR_WIDTH : Math.min(BAR_WIDTH, Math.round((tokens / limitTokens) * BAR_WIDTH));
  const used = part(usedTokens);
  const both = Math.max(used, part(usedTokens + reservedTokens));
  return '#'.repeat(used) + '='.repeat(both - used) + '.'.repeat(BAR_WIDTH - both);
}

function paintRow(text: string, window: WindowView, paint: Paint): string {
  return window.limitTokens === null ? paint(text, 'dim') : paint(text, colourOf(window.percentUsed));
}

function details(one: OrchestratorView, nowMs: number): string[] {
  const windows = one.windows.map(window => {
    const limit = window.limitTokens === null ? 'no limit' : `of ${formatShort(window.limitTokens)}`;
    return `${window.period} ${formatShort(window.usedTokens)} ${limit}`;
  });
  const models = one.windows.at(-1)?.topModels.map(({ model, tokens }) => {
    return `${printable(model)} ${formatShort(tokens)}`;
  });
  const calls = one.reservations.slice(0, 3).map(({ tokens, expiresAt }) => {
    return `${formatShort(tokens)} for ${formatDuration(Date.parse(expiresAt) - nowMs)}`;
  });
  return [
    `${printable(one.orchestratorId)}: ${windows.join(', ')}`,
    `  models: ${models?.length ? models.join(', ') : 'none'}`,
    `  held: ${calls.length > 0 ? calls.join(', ') : 'nothing'}`,
  ];
}
