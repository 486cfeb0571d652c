import type { WindowView } from '../../serve/snapshot';
import { colourOf, formatPercent, formatShort, type Paint, printable } from '../text';
import type { Hook } from './hook';

const NAMES = { hourly: 'hour', daily: 'day', monthly: 'month' } as const;

/** `support: hour 42.0% (58k left), day 13.1%`; without limits what was used. */
export function renderLine(orchestratorId: string, windows: readonly WindowView[], hook: Hook, paint: Paint) {
  const limited = windows.filter(window => window.limitTokens !== null);
  const tightest = limited.reduce<WindowView | null>(
    (worst, window) => (worst === null || window.percentUsed > worst.percentUsed ? window : worst),
    null,
  );
  const parts =
    limited.length === 0
      ? windows.slice(0, 2).map(window => `${NAMES[window.period]} ${formatShort(window.usedTokens)} used`)
      : limited.map(window => {
          const left = window === tightest ? ` (${formatShort(window.remainingTokens ?? 0)} left)` : '';
          const share = paint(formatPercent(window.percentUsed), colourOf(window.percentUsed));
          return `${NAMES[window.period]} ${share}${left}`;
        });
  const money = windows.find(({ period }) => period === 'daily')?.cost ?? null;
  if (money !== null) parts.push(`today ${money.used.amount} ${money.used.currency}`);
  if (hook.costUsd !== null) parts.push(`session $${hook.costUsd.toFixed(2)}`);
  const model = hook.model === null ? '' : `${printable(hook.model)} | `;
  return `${model}${printable(orchestratorId)}: ${parts.join(', ')}`;
}
