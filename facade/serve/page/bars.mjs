// A bar for a limit: what is used, what is held, and the thresholds.
import { element, keep } from './elements.mjs';
import { state } from './state.mjs';

/** How much attention a share of the limit deserves: by the thresholds of the tracker. */
export function levelOf(value) {
  if (value >= 100) return 'high';
  const below = state.snapshot.thresholds.filter(threshold => threshold < 100);
  const last = below.at(-1);
  if (last !== undefined && value >= last) return 'high';
  return below.length > 1 && value >= below.at(-2) ? 'notable' : '';
}

export const makeBar = className =>
  element(
    'div',
    { className, role: 'meter', 'aria-valuemin': '0' },
    element('div', { className: 'fill' }),
    element('div', { className: 'held' }),
    element('div', { className: 'marks' }),
  );

/** `limit`: `null` where there is none; `spoken`: the whole of it in words. */
export function changeBar(track, { used, reserved, limit, percentUsed, name, spoken }) {
  const limited = limit !== null;
  const usedShare = limited ? (limit === 0 ? 100 : (used / limit) * 100) : 0;
  const heldShare = limited && limit > 0 ? (reserved / limit) * 100 : 0;
  // What exceeds the limit is shown in full: the limit moves to the left.
  const scale = Math.max(100, usedShare + heldShare);
  track.classList.remove('notable', 'high', 'unlimited');
  const look = limited ? levelOf(percentUsed) : 'unlimited';
  if (look !== '') track.classList.add(look);
  track.querySelector('.fill').style.width = `${(usedShare / scale) * 100}%`;
  const held = track.querySelector('.held');
  held.style.left = `${(usedShare / scale) * 100}%`;
  held.style.width = `${(heldShare / scale) * 100}%`;
  keep(
    track.querySelector('.marks'),
    limited ? state.snapshot.thresholds.filter(threshold => threshold < scale || threshold === 100) : [],
    threshold => String(threshold),
    threshold => element('span', { className: 'mark', title: `${threshold}%` }),
    (mark, threshold) => {
      // At the very end there is no room for a line.
      mark.hidden = threshold >= scale;
      mark.style.left = `${(threshold / scale) * 100}%`;
      mark.className = usedShare >= threshold ? 'mark crossed' : 'mark';
    },
  );
  track.setAttribute('aria-label', name);
  track.setAttribute('aria-valuemax', String(limited ? scale : 100));
  track.setAttribute('aria-valuenow', String(limited ? Number(percentUsed.toFixed(2)) : 0));
  track.setAttribute('aria-valuetext', spoken);
  track.title = spoken;
}
