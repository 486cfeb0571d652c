// The page: it asks this server only.
import { drawBudgets, drawSummary } from './budgets.mjs';
import { forgetCharts, watchCharts } from './charts.mjs';
import { byId, setText } from './elements.mjs';
import { drawLive, remember } from './live.mjs';
import { drawAlerts, drawReport } from './reports.mjs';
import { countDown, drawReservations } from './reservations.mjs';
import { state } from './state.mjs';

const REPORT_EVERY_MS = 15_000;

/** What this server has to tell beside budgets. */
let features = { report: false, alerts: false };
/** The latest; `null` before the first. */
let report = null;

function drawState() {
  const { connected, snapshot } = state;
  const node = byId('state');
  const up = connected && snapshot?.storeUp;
  node.className = up ? 'live' : connected && snapshot === null ? '' : 'away';
  const waiting = !connected || snapshot === null;
  setText(byId('state-text'), up ? 'live' : waiting ? 'connecting' : 'the store is away');
  const failure = byId('failure');
  failure.hidden = waiting || up;
  if (!failure.hidden) setText(failure, `The store does not answer: ${snapshot.failure}`);
}

function draw() {
  drawState();
  if (!state.snapshot?.storeUp) return;
  drawSummary();
  drawBudgets();
  drawReservations();
  countDown();
}

async function fetchJson(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  return response.ok ? response.json() : null;
}

async function refreshReports() {
  try {
    if (features.report) {
      report = (await fetchJson(`api/report?days=${byId('days').value}`)) ?? report;
      if (report !== null) drawReport(report);
    }
    if (features.alerts) drawAlerts((await fetchJson('api/alerts'))?.alerts);
  } catch {
    // The next time; whether the server is there at all is told by the stream of events.
  }
}

async function begin() {
  features = (await fetchJson('api/features').catch(() => null)) ?? features;
  if (features.report || features.alerts) {
    await refreshReports();
    setInterval(refreshReports, REPORT_EVERY_MS);
  }
}

function listen() {
  const events = new EventSource('events');
  const connect = connected => {
    state.connected = connected;
    drawState();
  };
  events.addEventListener('open', () => connect(true));
  events.addEventListener('error', () => connect(false));
  events.addEventListener('snapshot', event => {
    const snapshot = JSON.parse(event.data);
    state.connected = true;
    state.snapshot = snapshot;
    state.aheadMs = Date.parse(snapshot.at) - Date.now();
    draw();
    if (!features.report && snapshot.storeUp) {
      remember();
      drawLive();
    }
  });
}

byId('find').addEventListener('input', draw);
byId('sort').addEventListener('change', draw);
byId('days').addEventListener('change', refreshReports);
byId('chart-details').addEventListener('toggle', () => {
  if (!features.report && state.snapshot !== null) drawLive();
});
setInterval(countDown, 1000);
watchCharts();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  forgetCharts();
  if (report !== null) drawReport(report);
  else if (state.snapshot !== null) drawLive();
});
begin().then(listen);
