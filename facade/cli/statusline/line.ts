import type { WindowView } from '../../serve/snapshot';
import { formatMoney } from '../format';
import { colourOf, formatPercent, formatShort, type Paint, printable } from '../text';
import type { Hook } from './hook';

const NAMES = { hourly: 'hour', daily: 'day', monthly: 'month' } as const;

/** What is used of one limit, of tokens or money. */
interface Share {
  name: string;
  percentUsed: number;
  left: string;
}

/** `support: hour 42.0% (58k left), day cost 13.1%`; without limits what was used. */
export function renderLine(orchestratorId: string, windows: readonly WindowView[], hook: Hook, paint: Paint) {
  const shares = windows.flatMap(sharesOf);
  const tightest = shares.reduce<Share | null>(
    (worst, share) => (worst === null || share.percentUsed > worst.percentUsed ? share : worst),
    null,
  );
  const parts =
    tightest === null
      ? windows.slice(0, 2).map(window => `${NAMES[window.period]} ${formatShort(window.usedTokens)} used`)
      : shares.map(share => {
          const left = share === tightest ? ` (${share.left} left)` : '';
          return `${share.name} ${paint(formatPercent(share.percentUsed), colourOf(share.percentUsed))}${left}`;
        });
  const money = windows.find(({ period }) => period === 'daily')?.cost ?? null;
  if (money !== null) parts.push(`today ${formatMoney(money.used)}`);
  if (hook.costUsd !== null) parts.push(`session $${hook.costUsd.toFixed(2)}`);
  const model = hook.model === null ? '' : `${printable(hook.model)} | `;
  return `${model}${printable(orchestratorId)}: ${parts.join(', ')}`;
}

function sharesOf({ period, limitTokens, percentUsed, remainingTokens, cost }: WindowView): Share[] {
  const name = NAMES[period];
  const shares: Share[] = [];
  if (limitTokens !== null) shares.push({ name, percentUsed, left: formatShort(remainingTokens ?? 0) });
  if (cost !== null && cost.limit !== null) {
    const left = cost.remaining === null ? '0' : formatMoney(cost.remaining);
    shares.push({ name: `${name} cost`, percentUsed: cost.percentUsed, left });
  }
  return shares;
}
