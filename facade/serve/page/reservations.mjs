// Calls in flight, and everything that counts down.
import { byId, element, keep, setText } from './elements.mjs';
import { now, state } from './state.mjs';
import { duration, money, whole } from './text.mjs';

const PERIODS = { hourly: 'hour', daily: 'day', monthly: 'month' };
const ID_SHOWN = 12;

/** Its beginning is what differs; the end names the orchestrator. */
const shortId = id => (id.length > ID_SHOWN ? `${id.slice(0, ID_SHOWN)}…` : id);

export function drawReservations() {
  const all = state.snapshot.orchestrators
    .flatMap(one => one.reservations.map(reservation => ({ one, reservation })))
    .sort((a, b) => Date.parse(a.reservation.expiresAt) - Date.parse(b.reservation.expiresAt))
    .slice(0, 100);
  const active = state.snapshot.orchestrators.reduce(
    (sum, one) => sum + Math.max(0, ...one.windows.map(window => window.activeReservations)),
    0,
  );
  setText(byId('reservations-count'), active > all.length ? `${all.length} of ${active}` : String(active));
  byId('no-reservations').hidden = all.length > 0;
  byId('reservations').parentElement.hidden = all.length === 0;
  const priced = all.some(({ reservation }) => reservation.cost !== null);
  byId('reservations').classList.toggle('unpriced', !priced);
  keep(
    byId('reservations').tBodies[0],
    all,
    ({ reservation }) => reservation.id,
    ({ one, reservation }) =>
      element(
        'tr',
        {},
        element('td', { text: one.orchestratorId }),
        element('td', { className: 'number', text: whole.format(reservation.tokens) }),
        element('td', {
          className: 'number cost',
          text: reservation.cost === null ? '' : money(reservation.cost),
        }),
        element('td', {
          text: reservation.periods.map(period => PERIODS[period]).join(', '),
        }),
        element('td', { className: 'number expires' }),
        element('td', { className: 'id', text: shortId(reservation.id), title: reservation.id }),
      ),
    (row, { reservation }) => {
      row.querySelector('.expires').dataset.until = reservation.expiresAt;
    },
  );
}

export function countDown() {
  for (const node of document.querySelectorAll('.expires')) {
    setText(node, duration(Date.parse(node.dataset.until) - now()));
  }
  for (const node of document.querySelectorAll('.resets')) {
    setText(node, `resets in ${duration(Date.parse(node.dataset.until) - now())}`);
  }
}
