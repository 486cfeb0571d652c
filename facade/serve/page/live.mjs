// Tokens since the page was opened, where no reporter knows more.
import { drawChart } from './charts.mjs';
import { byId } from './elements.mjs';
import { now, state, total } from './state.mjs';
import { drawTable } from './table.mjs';
import { short, whole } from './text.mjs';

const POINTS_MAX = 900;
const live = { at: [], used: [], reserved: [] };

/** Adds the latest snapshot; of one second the last. */
export function remember() {
  const at = Math.round(now() / 1000);
  if (live.at.at(-1) === at) for (const list of Object.values(live)) list.pop();
  live.at.push(at);
  live.used.push(total(state.snapshot.orchestrators, 'hourly', 'usedTokens'));
  live.reserved.push(total(state.snapshot.orchestrators, 'hourly', 'reservedTokens'));
  if (live.at.length > POINTS_MAX) for (const list of Object.values(live)) list.shift();
}

export function drawLive() {
  drawChart('tokens-chart', [live.at, live.used, live.reserved], {
    lines: [
      { label: 'used', colour: '--ok' },
      { label: 'reserved', colour: '--notable', dashed: true },
    ],
    slot: 'second',
    format: value => short.format(value),
  });
  if (!byId('chart-details').open) return;
  const rows = live.at.map((at, index) => [
    new Date(at * 1000).toLocaleTimeString(),
    whole.format(live.used[index]),
    whole.format(live.reserved[index]),
  ]);
  drawTable(['Time', 'Used', 'Reserved'], rows.slice(-60).reverse());
}
