import type { Snapshot, WindowView } from '../../serve/snapshot';
import { alignColumns, formatAddition, formatCount, formatMoney } from '../format';
import { colourOf, formatDuration, formatPercent, type Paint, printable } from '../text';

const NONE = '-';

/** One line for each window, and below it what holds or adds tokens. */
export function renderStatus(snapshot: Snapshot, nowMs: number, paint: Paint): string {
  if (snapshot.orchestrators.length === 0) return 'no orchestrator has used anything yet\n';
  const priced = snapshot.orchestrators.some(one => one.windows.some(window => window.cost !== null));
  const head = ['orchestrator', 'period', 'used', 'reserved', 'limit', 'left', 'used %', 'resets in'];
  const rows: string[][] = [priced ? [...head, 'cost', 'cost held', 'cost limit', 'cost %'] : head];
  const shares: Array<number | null> = [null];
  for (const one of snapshot.orchestrators) {
    for (const [index, window] of one.windows.entries()) {
      const name = index === 0 ? printable(one.orchestratorId) : '';
      const row = [name, ...cellsOf(window, nowMs)];
      rows.push(priced ? [...row, ...costCellsOf(window)] : row);
      shares.push(window.tightest?.percentUsed ?? null);
    }
  }
  const lines = alignColumns(rows, priced ? 'llrrrrrrrrrr' : 'llrrrrrr').map((line, index) => {
    const share = shares[index];
    if (index === 0) return paint(line, 'bold');
    // Only what deserves attention is coloured.
    return typeof share === 'number' && share >= 75 ? paint(line, colourOf(share)) : line;
  });
  return `${[...lines, ...remarks(snapshot, nowMs)].join('\n')}\n`;
}

function cellsOf(window: WindowView, nowMs: number): string[] {
  const { limitTokens, remainingTokens } = window;
  return [
    window.period,
    formatCount(window.usedTokens),
    formatCount(window.reservedTokens),
    limitTokens === null ? NONE : formatCount(limitTokens),
    remainingTokens === null ? NONE : formatCount(remainingTokens),
    limitTokens === null ? NONE : formatPercent(window.percentUsed),
    formatDuration(Date.parse(window.endsAt) - nowMs),
  ];
}

/** Others may have limits of money in their own configuration: what is not known here is not called unlimited. */
function costCellsOf({ cost }: WindowView): string[] {
  if (cost === null) return [NONE, NONE, NONE, NONE];
  return [
    formatMoney(cost.used),
    cost.reserved?.amount ?? NONE,
    cost.limit?.amount ?? 'unknown',
    cost.limit === null ? NONE : formatPercent(cost.percentUsed),
  ];
}

function remarks(snapshot: Snapshot, nowMs: number): string[] {
  const lines: string[] = [];
  for (const { orchestratorId, overrides, pause } of snapshot.orchestrators) {
    const name = printable(orchestratorId);
    if (pause !== null) {
      const until = pause.until === null ? '' : ` until ${pause.until}`;
      const reason = pause.reason === null ? '' : `: ${printable(pause.reason)}`;
      lines.push(`${name} is paused${until}${reason}`);
    }
    for (const override of overrides) {
      const left = formatDuration(Date.parse(override.expiresAt) - nowMs);
      const more = `${formatAddition(override)} ${override.period}`;
      lines.push(
        `${name}: ${more} for ${left} by ${printable(override.createdBy)}: ${printable(override.reason)}`,
      );
    }
  }
  if (snapshot.leftOut > 0) lines.push(`${formatCount(snapshot.leftOut)} more are not shown: name them`);
  return lines.length === 0 ? [] : ['', ...lines];
}
