// Charts by uPlot, in the colours of the page.
/* global uPlot -- the script before this one */
import { byId } from './elements.mjs';

const HEIGHT = 190;
const WIDTH_MIN = 200;
const AXIS_WIDTH = 64;
const DAY_S = 86_400;
/** How long a slot of the horizontal axis is, and the steps that its marks may have, in seconds. */
const SLOTS = {
  second: { lengthS: 0, steps: [1, 5, 10, 30, 60, 300, 600, 3600] },
  hour: { lengthS: 3600, steps: [3600, 7200, 10_800, 21_600, 43_200, DAY_S] },
  day: { lengthS: DAY_S, steps: [1, 2, 5, 7, 14, 30].map(days => days * DAY_S) },
};
const charts = new Map();

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Days that begin at midnight UTC are days of UTC, wherever the reader is. */
function timeFormat(slot, at) {
  if (slot === 'day') {
    const timeZone = at.every(second => second % DAY_S === 0) ? 'UTC' : undefined;
    return new Intl.DateTimeFormat('en-US', { month: 'short', day: 'numeric', timeZone });
  }
  const second = slot === 'second' ? '2-digit' : undefined;
  return new Intl.DateTimeFormat('en-US', { hour: '2-digit', minute: '2-digit', second, hourCycle: 'h23' });
}

/**
 * Draws `data` (seconds since the epoch, then a list for each line) into the element `id`. Lines are
 * `{ label, colour, dashed?, bars? }`; `slot` is one of `SLOTS`; `format` writes an amount.
 */
export function drawChart(id, data, { lines, slot, format }) {
  const key = JSON.stringify([slot, lines]);
  const known = charts.get(id);
  if (known?.key === key) {
    known.chart.setData(data);
    return;
  }
  known?.chart.destroy();
  const host = byId(id);
  const time = timeFormat(slot, data[0]);
  const timeOf = second => time.format(new Date(second * 1000));
  const { lengthS, steps } = SLOTS[slot];
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  };
  const chart = new uPlot(
    {
      width: Math.max(WIDTH_MIN, host.clientWidth),
      height: HEIGHT,
      axes: [
        { ...axis, incrs: steps, space: 64, values: (_chart, seconds) => seconds.map(timeOf) },
        { ...axis, size: AXIS_WIDTH, values: (_chart, amounts) => amounts.map(format) },
      ],
      scales: {
        // The last slot has its full width, and a single instant some room.
        x: { range: (_chart, min, max) => [min, Math.max(max + lengthS, min + 10)] },
        y: { range: (_chart, _min, max) => [0, max > 0 ? max * 1.08 : 1] },
      },
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: slot, value: (_chart, second) => (second === null ? '–' : timeOf(second)) },
        ...lines.map(line => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 2,
          fill: line.bars ? `${colour(line.colour)}aa` : undefined,
          dash: line.dashed ? [6, 4] : undefined,
          paths: line.bars ? uPlot.paths.bars({ size: [0.7, 60], align: 1 }) : undefined,
          points: { show: false },
          value: (_chart, amount) => (amount === null || amount === undefined ? '–' : format(amount)),
        })),
      ],
    },
    data,
    host,
  );
  charts.set(id, { key, chart });
}

/** Makes them as wide as there is room, from now on. */
export function watchCharts() {
  new ResizeObserver(() => {
    for (const [id, { chart }] of charts) {
      chart.setSize({ width: Math.max(WIDTH_MIN, byId(id).clientWidth), height: HEIGHT });
    }
  }).observe(document.querySelector('.charts'));
}

/** They are made anew when they are drawn next, in the colours of then. */
export function forgetCharts() {
  for (const { chart } of charts.values()) chart.destroy();
  charts.clear();
}
