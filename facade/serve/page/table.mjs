// The figures of the charts as a table.
import { byId, element } from './elements.mjs';

export function drawTable(head, rows) {
  const table = byId('chart-table');
  const cell = (tag, text, index) =>
    element(tag, { className: index > 0 ? 'number' : '', text, ...(tag === 'th' && { scope: 'col' }) });
  table.tHead.replaceChildren(element('tr', {}, ...head.map((text, index) => cell('th', text, index))));
  table.tBodies[0].replaceChildren(
    ...rows.map(row => element('tr', {}, ...row.map((text, index) => cell('td', text, index)))),
  );
}
