import type { CostView } from '../../serve/money';
import type { OrchestratorView, Snapshot, WindowView } from '../../serve/snapshot';
import type { BudgetPeriod } from '../../types/budget';
import { alignColumns, formatCount, formatMoney } from '../format';
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
  /** What is sorted by; `tightest`: for each the window of which most is used, of tokens or money. */
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
      shareOf(right) - shareOf(left) ||
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
  // A column that nobody needs would push the bar off a narrow screen.
  const priced = snapshot.orchestrators.some(one => windowOf(one, view.by).cost !== null);
  const tokens = ['orchestrator', 'period', 'used', 'reserved', 'limit'];
  const head = [...tokens, ...(priced ? ['cost'] : []), 'used %', 'bar', 'calls', 'resets in'];
  const rows = shown.map(one => cellsOf(one, view, priced));
  const table = alignColumns([head, ...rows], priced ? 'llrrrrrlrr' : 'llrrrrlrr');
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
  const windows = [...one.windows].sort((a, b) => shareOf(b) - shareOf(a));
  return (by === 'tightest' ? windows[0] : one.windows.find(({ period }) => period === by)) as WindowView;
}

/** Of the limit that is used most; without any they are equal. */
function shareOf({ tightest }: WindowView): number {
  return tightest?.percentUsed ?? 0;
}

function cellsOf(one: OrchestratorView, view: TopView, priced: boolean): string[] {
  const window = windowOf(one, view.by);
  const { limitTokens, tightest } = window;
  return [
    shortenTo(printable(one.orchestratorId), NAME_MAX) + (one.pause === null ? '' : ' (paused)'),
    window.period,
    formatShort(window.usedTokens),
    formatShort(window.reservedTokens),
    limitTokens === null ? '-' : formatShort(limitTokens),
    ...(priced ? [window.cost === null ? '-' : costText(window.cost)] : []),
    tightest === null
      ? '-'
      : `${formatPercent(tightest.percentUsed)}${tightest.by === 'cost' ? ' of cost' : ''}`,
    barOf(window),
    formatCount(window.activeReservations),
    formatDuration(Date.parse(window.endsAt) - view.nowMs),
  ];
}

/** `1.40 + 0.05 of 1.50 USD`: used, held if anything is, and the limit if one is known. */
function costText({ used, reserved, limit }: CostView): string {
  const held = reserved === null || Number(reserved.amount) === 0 ? '' : ` + ${reserved.amount}`;
  const of = limit === null ? '' : ` of ${limit.amount}`;
  return `${used.amount}${held}${of} ${used.currency}`;
}

/** Of the tightest limit: `#` is used, `=` reserved, `.` left. */
function barOf({ usedTokens, reservedTokens, limitTokens, tightest, cost }: WindowView): string {
  if (tightest === null) return ' '.repeat(BAR_WIDTH);
  const [usedAmount, held, limit] =
    tightest.by === 'tokens'
      ? [usedTokens, reservedTokens, limitTokens ?? 0]
      : [Number(cost?.used.amount), Number(cost?.reserved?.amount ?? 0), Number(cost?.limit?.amount)];
  const part = (amount: number) =>
    limit === 0 ? BAR_WIDTH : Math.min(BAR_WIDTH, Math.round((amount / limit) * BAR_WIDTH));
  const used = part(usedAmount);
  const both = Math.max(used, part(usedAmount + held));
  return '#'.repeat(used) + '='.repeat(both - used) + '.'.repeat(BAR_WIDTH - both);
}

function paintRow(text: string, window: WindowView, paint: Paint): string {
  return window.tightest === null ? paint(text, 'dim') : paint(text, colourOf(window.tightest.percentUsed));
}

function details(one: OrchestratorView, nowMs: number): string[] {
  const windows = one.windows.map(window => {
    const limit = window.limitTokens === null ? 'no limit' : `of ${formatShort(window.limitTokens)}`;
    return `${window.period} ${formatShort(window.usedTokens)} ${limit}`;
  });
  const models = one.windows.at(-1)?.topModels.map(({ model, tokens }) => {
    return `${printable(model)} ${formatShort(tokens)}`;
  });
  const costs = one.windows.flatMap(({ period, cost }) => {
    if (cost === null) return [];
    return [`${period} ${costText(cost)}${cost.limit === null ? ', limit unknown' : ''}`];
  });
  const calls = one.reservations.slice(0, 3).map(({ tokens, cost, expiresAt }) => {
    const money = cost === null ? '' : ` and ${formatMoney(cost)}`;
    return `${formatShort(tokens)}${money} for ${formatDuration(Date.parse(expiresAt) - nowMs)}`;
  });
  return [
    `${printable(one.orchestratorId)}: ${windows.join(', ')}`,
    ...(costs.length > 0 ? [`  cost: ${costs.join('; ')}`] : []),
    `  models: ${models?.length ? models.join(', ') : 'none'}`,
    `  held: ${calls.length > 0 ? calls.join(', ') : 'nothing'}`,
  ];
}
