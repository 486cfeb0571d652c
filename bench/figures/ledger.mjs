import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../harness/disk.mjs';
import { inFlight, oneAtATime } from '../harness/in-flight.mjs';
import { lastDays, record } from '../harness/records.mjs';
import { openOurs } from '../harness/reporters.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { openUsageTable } from '../peers/sqlite-usage.mjs';

export const title = 'Recording usage on disk, each once by its id';

const WIDTH = 1000;
const COUNT = 50_000;
const LONE_COUNT = 1000;
/** What is recorded happened just now. */
const RECENT_MS = 600_000;

export async function run({ rounds, scale, withProduct }) {
  const disk = makeFolder();
  const endMs = Date.now();
  const recent = { startMs: endMs - RECENT_MS, endMs };
  const days = lastDays();
  const usage = (index, count) => record(index, count, recent);
  const crowd = scale(COUNT);
  const lone = scale(LONE_COUNT);
  let folder;
  let opened = 0;
  let subject;
  const end = async () => {
    await subject?.close();
    subject = undefined;
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  // Each turn has files of its own.
  const beforeTurn = async contestant => {
    await end();
    folder = join(disk.folder, String(opened++));
    mkdirSync(folder);
    subject = await contestant.open(folder);
  };

  const table = await openUsageTable(disk.folder);
  table?.close();
  const peers = table && {
    lone: {
      name: 'better-sqlite3, a transaction each',
      operation: 'the usage as a row, once by id; WAL, synchronous FULL',
      count: lone,
      open: openUsageTable,
      turn: count => oneAtATime(count, index => subject.insert(usage(index, count))),
    },
    batches: {
      name: 'better-sqlite3, a transaction for 1,000',
      operation: 'the same, 1,000 rows a transaction',
      count: crowd,
      open: openUsageTable,
      async turn(count) {
        for (let begin = 0; begin < count; begin += WIDTH) {
          const width = Math.min(WIDTH, count - begin);
          subject.insertAll(Array.from({ length: width }, (_, place) => usage(begin + place, count)));
        }
      },
    },
  };
  const recording = { operation: 'recordUsage(usage): checked, priced, durable, added to the sums' };
  const ours = withProduct && {
    lone: {
      ...recording,
      name: 'recordUsage, one at a time',
      count: lone,
      open: openOurs,
      turn: count => oneAtATime(count, index => subject.recordUsage(usage(index, count))),
    },
    crowd: {
      ...recording,
      name: 'recordUsage, 1,000 in flight',
      count: crowd,
      open: openOurs,
      turn: count => inFlight(count, WIDTH, index => subject.recordUsage(usage(index, count))),
    },
    spread: {
      ...recording,
      name: 'recordUsage, 1,000 in flight, spread over 90 days',
      count: crowd,
      open: openOurs,
      turn: count => inFlight(count, WIDTH, index => subject.recordUsage(record(index, count, days))),
    },
  };
  const all = [...Object.values(peers ?? {}), ...Object.values(ours || {})];
  const samples = await measureRounds(all, { rounds, beforeTurn });
  await end();
  disk.remove();
  const compare = (label, one, other) => ratio(label, one, other, samples, 'throughput');
  return {
    measured: all.flatMap(each => [
      measured(each, samples, 'throughput'),
      measured(each, samples, 'mainThread'),
    ]),
    ratios:
      ours && peers
        ? [
            compare('in flight : better-sqlite3, a transaction each', ours.crowd, peers.lone),
            compare('in flight : better-sqlite3, a transaction for 1,000', ours.crowd, peers.batches),
            compare(
              'in flight, 90 days : better-sqlite3, a transaction for 1,000',
              ours.spread,
              peers.batches,
            ),
            compare('one at a time : better-sqlite3, a transaction each', ours.lone, peers.lone),
          ]
        : [],
    notes: [
      disk.isInMemory ? 'THE FILES WERE IN MEMORY (tmpfs).' : 'Files lie in bench/.cache.',
      'Usage of the last ten minutes; spread over 90 days, fewer records share a sum.',
      'The table has rows and two indexes; the ledger keeps sums of hours and days besides.',
    ],
  };
}
