// A card for each orchestrator: its windows with their thresholds, its overrides.
import { byId, element, keep, setText } from './elements.mjs';
import { state, total } from './state.mjs';
import { moment, money, percent, short, whole } from './text.mjs';

const PERIODS = { hourly: 'Hour', daily: 'Day', monthly: 'Month' };

const worst = one => Math.max(0, ...one.windows.map(window => window.percentUsed));
const heldBy = one => one.windows.reduce((most, window) => Math.max(most, window.reservedTokens), 0);

/** How much attention a share of the limit deserves: by the thresholds of the tracker. */
function levelOf(value) {
  if (value >= 100) return 'high';
  const below = state.snapshot.thresholds.filter(threshold => threshold < 100);
  const last = below.at(-1);
  if (last !== undefined && value >= last) return 'high';
  return below.length > 1 && value >= below.at(-2) ? 'notable' : '';
}

const makeCard = one => {
  const card = element('article', { className: 'card' });
  card.append(
    element(
      'h3',
      {},
      element('span', { className: 'name', text: one.orchestratorId }),
      element('span', { className: 'badge' }),
    ),
    element('div', { className: 'windows' }),
    element('ul', { className: 'extra' }),
  );
  return card;
};

function changeCard(card, one) {
  const badge = card.querySelector('.badge');
  const share = worst(one);
  const limited = one.windows.some(window => window.limitTokens !== null);
  setText(
    badge,
    one.pause !== null ? 'paused' : share >= 100 ? 'exhausted' : limited ? percent(share) : 'unlimited',
  );
  badge.className = `badge ${one.pause !== null ? 'high' : levelOf(share)}`;
  keep(
    card.querySelector('.windows'),
    one.windows,
    window => window.period,
    makeWindow,
    (node, window) => changeWindow(node, window, one),
  );
  const extras = [];
  if (one.pause !== null) {
    const until = one.pause.until === null ? '' : ` until ${moment.format(new Date(one.pause.until))}`;
    const by = one.pause.pausedBy === null ? '' : ` by ${one.pause.pausedBy}`;
    extras.push({
      key: 'pause',
      text: `Paused${by}${until}${one.pause.reason ? `: ${one.pause.reason}` : ''}`,
    });
  }
  for (const { id, additionalTokens, period, reason, createdBy, expiresAt } of one.overrides) {
    const until = moment.format(new Date(expiresAt));
    const text = `+${whole.format(additionalTokens)} ${period} until ${until}, by ${createdBy}: ${reason}`;
    extras.push({ key: `override ${id}`, text });
  }
  const list = card.querySelector('.extra');
  list.hidden = extras.length === 0;
  keep(
    list,
    extras,
    extra => extra.key,
    () => element('li'),
    (node, extra) => setText(node, extra.text),
  );
}

const makeWindow = window => {
  const node = element('div', { className: 'window' });
  node.append(
    element(
      'div',
      { className: 'line' },
      element('span', { text: PERIODS[window.period] }),
      element('span', { className: 'figures' }),
    ),
    element(
      'div',
      { className: 'track', role: 'meter', 'aria-valuemin': '0' },
      element('div', { className: 'fill' }),
      element('div', { className: 'held' }),
      element('div', { className: 'marks' }),
    ),
    element(
      'div',
      { className: 'below' },
      element('span', { className: 'left' }),
      element('span', { className: 'resets' }),
    ),
  );
  return node;
};

function changeWindow(node, window, one) {
  const { usedTokens, reservedTokens, limitTokens, remainingTokens, percentUsed } = window;
  const track = node.querySelector('.track');
  const limited = limitTokens !== null;
  const usedShare = limited ? (limitTokens === 0 ? 100 : (usedTokens / limitTokens) * 100) : 0;
  const heldShare = limited && limitTokens > 0 ? (reservedTokens / limitTokens) * 100 : 0;
  // What exceeds the limit is shown in full: the limit moves to the left.
  const scale = Math.max(100, usedShare + heldShare);
  track.className = `track ${limited ? levelOf(percentUsed) : 'unlimited'}`;
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
  const name = `${one.orchestratorId}, ${window.period}`;
  const spoken = limited
    ? `${whole.format(usedTokens)} used and ${whole.format(reservedTokens)} reserved of ${whole.format(limitTokens)} tokens, ${percent(percentUsed)}`
    : `${whole.format(usedTokens)} used and ${whole.format(reservedTokens)} reserved, unlimited`;
  track.setAttribute('aria-label', name);
  track.setAttribute('aria-valuemax', String(limited ? scale : 100));
  track.setAttribute('aria-valuenow', String(limited ? Number(percentUsed.toFixed(2)) : 0));
  track.setAttribute('aria-valuetext', spoken);
  node.title = spoken;
  const figures = node.querySelector('.figures');
  const text = limited ? ` / ${short.format(limitTokens)} · ${percent(percentUsed)}` : ' / no limit';
  figures.replaceChildren(element('b', { text: short.format(usedTokens) }), text);
  const left = limited ? `${short.format(remainingTokens)} left` : '';
  const holds = reservedTokens > 0 ? `${short.format(reservedTokens)} reserved` : '';
  const cost =
    window.cost === null
      ? ''
      : `${money(window.cost.used)}${window.cost.limit === null ? '' : ` of ${money(window.cost.limit)}`}`;
  setText(node.querySelector('.left'), [left, holds, cost].filter(Boolean).join(' · '));
  node.querySelector('.resets').dataset.until = window.endsAt;
}

const makeTile = () => element('div', { className: 'tile' }, element('b'), element('span'));

export function drawSummary() {
  const ones = state.snapshot.orchestrators;
  const reservations = ones.reduce(
    (sum, one) => sum + Math.max(0, ...one.windows.map(window => window.activeReservations)),
    0,
  );
  const near = ones.filter(one => levelOf(worst(one)) === 'high').length;
  const tiles = [
    ['Orchestrators', whole.format(ones.length + state.snapshot.leftOut)],
    ['Tokens this hour', short.format(total(ones, 'hourly', 'usedTokens'))],
    ['Tokens today', short.format(total(ones, 'daily', 'usedTokens'))],
    ['Calls in flight', whole.format(reservations)],
    ['Near or over a limit', whole.format(near)],
  ];
  const paused = ones.filter(one => one.pause !== null).length;
  if (paused > 0) tiles.push(['Paused', whole.format(paused)]);
  keep(
    byId('summary'),
    tiles,
    ([name]) => name,
    makeTile,
    (tile, [name, value]) => {
      setText(tile.firstChild, value);
      setText(tile.lastChild, name);
    },
  );
}

export function drawBudgets() {
  const wanted = byId('find').value.trim().toLowerCase();
  const order = {
    use: (a, b) => worst(b) - worst(a),
    reserved: (a, b) => heldBy(b) - heldBy(a),
    name: () => 0,
  }[byId('sort').value];
  const shown = state.snapshot.orchestrators
    .filter(one => one.orchestratorId.toLowerCase().includes(wanted))
    .sort((a, b) => order(a, b) || a.orchestratorId.localeCompare(b.orchestratorId));
  keep(byId('orchestrators'), shown, one => one.orchestratorId, makeCard, changeCard);
  const nobody = byId('nobody');
  nobody.hidden = shown.length > 0 && state.snapshot.leftOut === 0;
  if (shown.length === 0) {
    setText(nobody, wanted === '' ? 'No orchestrator is known yet.' : 'No orchestrator has such a name.');
  } else {
    setText(nobody, `${whole.format(state.snapshot.leftOut)} more are not shown.`);
  }
}
