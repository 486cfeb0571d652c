// A card for each orchestrator: its windows with their thresholds, its overrides.
import { changeBar, levelOf, makeBar } from './bars.mjs';
import { byId, element, keep, setText } from './elements.mjs';
import { state, total } from './state.mjs';
import { moment, money, percent, short, whole } from './text.mjs';

const PERIODS = { hourly: 'Hour', daily: 'Day', monthly: 'Month' };

/** Of tokens or money, whatever is used more of its limit. */
const worst = one => Math.max(0, ...one.windows.map(({ tightest }) => tightest?.percentUsed ?? 0));
const amountOf = cost => Number(cost?.amount ?? 0);
const heldBy = one => Math.max(0, ...one.windows.map(window => window.reservedTokens));
const moneyHeldBy = one => Math.max(0, ...one.windows.map(({ cost }) => amountOf(cost?.reserved)));

/** Other processes may have limits of money in their own configuration: what is not known here is not called unlimited. */
function shareText(one) {
  const share = worst(one);
  if (share >= 100) return 'exhausted';
  if (one.windows.some(({ tightest }) => tightest !== null)) return percent(share);
  return one.windows.some(({ cost }) => cost !== null) ? 'limit unknown' : 'unlimited';
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
  setText(badge, one.pause !== null ? 'paused' : shareText(one));
  badge.className = `badge ${one.pause !== null ? 'high' : levelOf(worst(one))}`;
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
  for (const override of one.overrides) {
    const { id, additionalTokens, additionalCost, period, reason, createdBy, expiresAt } = override;
    const until = moment.format(new Date(expiresAt));
    const more = additionalCost === null ? whole.format(additionalTokens) : money(additionalCost);
    const text = `+${more} ${period} until ${until}, by ${createdBy}: ${reason}`;
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
    makeBar('track'),
    element(
      'div',
      { className: 'below' },
      element('span', { className: 'left' }),
      element('span', { className: 'resets' }),
    ),
    element(
      'div',
      { className: 'money' },
      element(
        'div',
        { className: 'line' },
        element('span', { text: 'Cost' }),
        element('span', { className: 'figures' }),
      ),
      makeBar('track'),
      element('div', { className: 'below' }, element('span', { className: 'left' })),
    ),
  );
  return node;
};

function changeWindow(node, window, one) {
  const { usedTokens, reservedTokens, limitTokens, remainingTokens, percentUsed } = window;
  const limited = limitTokens !== null;
  const name = `${one.orchestratorId}, ${window.period}`;
  const spoken = limited
    ? `${whole.format(usedTokens)} used and ${whole.format(reservedTokens)} reserved of ${whole.format(limitTokens)} tokens, ${percent(percentUsed)}`
    : `${whole.format(usedTokens)} used and ${whole.format(reservedTokens)} reserved, unlimited`;
  const amounts = { used: usedTokens, reserved: reservedTokens, limit: limitTokens };
  changeBar(node.querySelector('.track'), { ...amounts, percentUsed, name, spoken });
  const text = limited ? ` / ${short.format(limitTokens)} · ${percent(percentUsed)}` : ' / no limit';
  const used = element('b', { text: short.format(usedTokens) });
  node.querySelector('.figures').replaceChildren(used, text);
  const left = limited ? `${short.format(remainingTokens)} left` : '';
  const holds = reservedTokens > 0 ? `${short.format(reservedTokens)} reserved` : '';
  setText(node.querySelector('.left'), [left, holds].filter(Boolean).join(' · '));
  node.querySelector('.resets').dataset.until = window.endsAt;
  changeMoney(node.querySelector('.money'), window.cost, name);
}

/** Below the tokens, where any money was counted; without a limit there is no bar. */
function changeMoney(node, cost, name) {
  node.hidden = cost === null;
  if (cost === null) return;
  const { used, reserved, limit, remaining, percentUsed } = cost;
  const limited = limit !== null;
  const holds = amountOf(reserved) > 0 ? `${money(reserved)} reserved` : '';
  const track = node.querySelector('.track');
  track.hidden = !limited;
  changeBar(track, {
    ...{ used: amountOf(used), reserved: amountOf(reserved), limit: limited ? amountOf(limit) : null },
    ...{ percentUsed, name: `${name}, cost` },
    spoken: limited
      ? `${money(used)} used${holds && ` and ${holds}`} of ${money(limit)}, ${percent(percentUsed)}`
      : `${money(used)} used${holds && ` and ${holds}`}, limit unknown`,
  });
  const text = limited ? ` / ${money(limit)} · ${percent(percentUsed)}` : ' / limit unknown';
  node.querySelector('.figures').replaceChildren(element('b', { text: money(used) }), text);
  const left = remaining === null ? '' : `${money(remaining)} left`;
  setText(node.querySelector('.left'), [left, holds].filter(Boolean).join(' · '));
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
  const costs = ones.flatMap(({ windows }) => windows.filter(({ period }) => period === 'daily'));
  const spent = costs.map(({ cost }) => cost?.used).filter(Boolean);
  if (spent.length > 0) {
    const amount = spent.reduce((sum, one) => sum + amountOf(one), 0);
    tiles.splice(3, 0, ['Cost today', money({ amount, currency: spent[0].currency })]);
  }
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
    reserved: (a, b) => heldBy(b) - heldBy(a) || moneyHeldBy(b) - moneyHeldBy(a),
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
