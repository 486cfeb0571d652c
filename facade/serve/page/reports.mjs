// What a reporter and alerts tell: usage and cost over time, models, anomalies.
import { drawChart } from './charts.mjs';
import { byId, element, keep, setText } from './elements.mjs';
import { drawTable } from './table.mjs';
import { moment, money, short, whole } from './text.mjs';

/** `null`: it has none. */
function costOf({ cost }) {
  const amount = Number(
    typeof cost === 'object' && cost !== null ? (cost.amount ?? cost.totalCost) : (cost ?? Number.NaN),
  );
  return Number.isNaN(amount) ? null : amount;
}

const costText = (cost, currency) => (cost === null ? '' : money({ amount: cost, currency }));

export function drawReport(report) {
  const series = Array.isArray(report.timeSeries) ? report.timeSeries : [];
  const currency = report.costEstimate?.currency ?? 'USD';
  const at = series.map(slot => Date.parse(slot.start) / 1000);
  const costs = series.map(costOf);
  setText(byId('chart-title'), 'Usage and cost');
  byId('days-label').hidden = false;
  const priced = costs.some(cost => cost !== null);
  byId('cost-figure').hidden = !priced;
  const each = report.period?.granularity === 'hourly' ? 'hour' : 'day';
  if (priced) {
    const sum = report.costEstimate?.totalCost;
    const all = typeof sum === 'number' ? `, ${money({ amount: sum, currency })} in all` : '';
    setText(byId('cost-caption'), `Cost per ${each}${all}`);
    drawChart('cost-chart', [at, costs], {
      lines: [{ label: 'cost', colour: '--ok', bars: true }],
      slot: each,
      format: value => money({ amount: value, currency }),
    });
  }
  setText(byId('tokens-caption'), `Tokens per ${each}`);
  const tokens = [series.map(slot => slot.inputTokens), series.map(slot => slot.outputTokens)];
  drawChart('tokens-chart', [at, ...tokens], {
    lines: [
      { label: 'input', colour: '--ok' },
      { label: 'output', colour: '--notable', dashed: true },
    ],
    slot: each,
    format: value => short.format(value),
  });
  drawTable(
    ['From', 'Input', 'Output', 'Cost'],
    series
      .map((slot, index) => [
        moment.format(new Date(slot.start)),
        whole.format(slot.inputTokens),
        whole.format(slot.outputTokens),
        costText(costs[index], currency),
      ])
      .reverse(),
  );
  drawModels(report.breakdown, currency);
  drawEvents('anomalies', report.anomalies, anomaliesText(report), anomaly => ({
    key: `${anomaly.id} of ${anomaly.orchestratorId}`,
    at: anomaly.timestamp,
    level: anomaly.severity,
    text: named(anomaly.orchestratorId, anomaly.description),
  }));
}

/** What is said of anomalies beside the list of them. */
function anomaliesText({ anomalies, anomaliesLeftOut = 0 }) {
  if (!Array.isArray(anomalies)) return 'Not looked for in this report.';
  const left =
    anomaliesLeftOut > 0
      ? ` ${whole.format(anomaliesLeftOut)} orchestrators that used less were not looked at.`
      : '';
  return `${anomalies.length === 0 ? 'Nothing unusual in this time.' : ''}${left}`.trim();
}

function drawModels(breakdown, currency) {
  const models = (breakdown ?? []).filter(({ type }) => type === 'model');
  byId('models-section').hidden = models.length === 0;
  keep(
    byId('models').tBodies[0],
    models.sort((a, b) => b.totalTokens - a.totalTokens).slice(0, 20),
    model => model.key,
    model =>
      element(
        'tr',
        {},
        element('td', { text: model.key }),
        ...[1, 2, 3, 4].map(() => element('td', { className: 'number' })),
      ),
    (row, model) => {
      const cells = [
        whole.format(model.inputTokens),
        whole.format(model.outputTokens),
        whole.format(model.totalTokens),
        costText(costOf(model), currency),
      ];
      for (const [index, text] of cells.entries()) setText(row.cells[index + 1], text);
    },
  );
}

const LEVELS = { high: 'high', critical: 'high', emergency: 'high', medium: 'notable', warning: 'notable' };

/** The name in front, unless the text has it. */
const named = (name, text) => (text.includes(name) ? text : `${name}: ${text}`);

export function drawAlerts(alerts) {
  drawEvents('alerts', alerts, alerts?.length > 0 ? '' : 'No alert so far.', alert => ({
    key: String(alert.id),
    at: alert.createdAt,
    level: alert.level,
    text: named(alert.orchestratorId, alert.message ?? alert.title ?? ''),
  }));
}

/** `remark`: what is said beside the list; `''`: nothing. */
function drawEvents(name, list, remark, viewOf) {
  const events = (Array.isArray(list) ? list : [])
    .map(viewOf)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  byId(`${name}-section`).hidden = false;
  byId(`no-${name}`).hidden = remark === '';
  setText(byId(`no-${name}`), remark);
  setText(byId(`${name}-count`), Array.isArray(list) ? String(events.length) : '');
  keep(
    byId(name),
    events,
    event => event.key,
    event =>
      element(
        'li',
        {},
        element('span', { className: `badge ${LEVELS[event.level] ?? ''}`, text: String(event.level) }),
        element('span', { text: event.text }),
        element('time', { text: moment.format(new Date(event.at)), datetime: String(event.at) }),
      ),
    () => {},
  );
}
