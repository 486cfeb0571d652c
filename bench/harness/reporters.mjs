import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openUsageTable } from '../peers/sqlite-usage.mjs';
import { inFlight } from './in-flight.mjs';
import { loadEntry } from './product.mjs';
import { record } from './records.mjs';

const PUBLISHED = '../published/package/dist/budget/usage-reporter.js';
const WIDTH = 1000;

const params = ({ startMs, endMs }) => ({
  startTime: new Date(startMs),
  endTime: new Date(endMs),
  granularity: 'daily',
  groupBy: ['model'],
});

/** Our reporter over a file in `folder`, or without one in memory. It deletes nothing meanwhile. */
export function openOurs(folder) {
  const { UsageReporter } = loadEntry('budget');
  const config = { retentionDays: 3650 };
  return new UsageReporter(config, folder === undefined ? undefined : join(folder, 'ledger.db'));
}

/** What makes a report, by name: each `{ fill(count, time), report(time), close() }` over files in `folder`. */
export const REPORTERS = {
  async ours(folder) {
    const reporter = openOurs(folder);
    return {
      fill: (count, time) => inFlight(count, WIDTH, i => reporter.recordUsage(record(i, count, time))),
      report: async time => (await reporter.getReport(params(time))).summary.totalRecords,
      close: () => reporter.close(),
    };
  },
  plainQuery: folder => plain(folder, (table, time) => sum(table.byModel(time))),
  plainReport: folder => plain(folder, (table, time) => sum(table.report(time).models)),
  async published() {
    const { UsageReporter } = createRequire(import.meta.url)(PUBLISHED);
    const { CostCalculator } = createRequire(import.meta.url)(
      PUBLISHED.replace('usage-reporter', 'cost-calculator'),
    );
    const config = { retentionDays: 3650, anomalyDetection: { enabled: false } };
    const reporter = new UsageReporter(config, undefined, new CostCalculator());
    return {
      fill: async (count, time) => {
        for (let i = 0; i < count; i++) await reporter.recordUsage(record(i, count, time));
      },
      report: async time => (await reporter.getReport(params(time))).summary.totalRecords,
      close: () => reporter.shutdown(),
    };
  },
};

async function plain(folder, report) {
  const table = await openUsageTable(folder);
  return (
    table && {
      async fill(count, time) {
        for (let begin = 0; begin < count; begin += WIDTH) {
          const width = Math.min(WIDTH, count - begin);
          table.insertAll(Array.from({ length: width }, (_, place) => record(begin + place, count, time)));
        }
      },
      report: async time => report(table, time),
      close: () => table.close(),
    }
  );
}

const sum = models => models.reduce((total, { records }) => total + records, 0);
