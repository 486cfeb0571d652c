import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, openRawFile } from '../harness/disk.mjs';
import { inFlight, oneAtATime } from '../harness/in-flight.mjs';
import { embeddedTracker, loadEntry } from '../harness/product.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { usage } from '../harness/usage.mjs';
import { openSqlite } from '../peers/better-sqlite3.mjs';

export const title = 'The embedded store on disk, every answer synced';

const ID = 'orchestrator-0';
const WIDTH = 1000;
const HOUR_MS = 3_600_000;

export async function run({ rounds, scale, withProduct }) {
  const disk = makeFolder();
  const raw = contestantsOfRaw(scale);
  const sqlite = (await hasSqlite(disk.folder)) ? contestantsOfSqlite(scale) : null;
  const ours = withProduct ? contestantsOfOurs(scale) : null;

  const all = [...Object.values(raw), ...Object.values(sqlite ?? {}), ...Object.values(ours ?? {})];
  let opened = 0;
  // Every turn has files of its own, so that none begins with what others have written.
  const beforeTurn = async contestant => {
    for (const each of all) await each.end();
    const folder = join(disk.folder, String(opened++));
    mkdirSync(folder);
    await contestant.begin(folder);
  };
  const samples = await measureRounds(all, { rounds, beforeTurn });
  for (const each of all) await each.end();
  disk.remove();

  const kinds = { crowd: 'throughput', lone: 'latency' };
  return {
    measured: all.map(each => measured(each, samples, kinds[each.way])),
    ratios: ours ? ratiosOf(ours, raw, sqlite, samples) : [],
    notes: [
      disk.isInMemory
        ? 'THE FILES WERE IN MEMORY (tmpfs): these are not figures of a disk.'
        : 'Files lie in bench/.cache.',
      ...(sqlite ? [] : ['better-sqlite3 could not be installed here.']),
      'One at a time, an answer waits for one sync; 1,000 in flight share it.',
    ],
  };
}

function ratiosOf(ours, raw, sqlite, samples) {
  const slower = (label, one, other) => ratio(label, one, other, samples, 'latency');
  const faster = (label, one, other) => ratio(label, one, other, samples, 'throughput');
  return [
    slower('one at a time: trackUsage / raw sync', ours.lone, raw.append),
    ...(sqlite ? [slower('one at a time: trackUsage / better-sqlite3', ours.lone, sqlite.lone)] : []),
    ...(sqlite
      ? [faster('in flight: trackUsage : better-sqlite3, batches of 1,000', ours.crowd, sqlite.crowd)]
      : []),
    faster('in flight: on disk : in memory', ours.crowd, ours.memoryCrowd),
  ];
}

/** `open(folder)` makes what `each` works with, and is ended by its `close`. */
function contestant({ name, operation, way, count, open, each, turn }) {
  let subject;
  const lone = turnCount => oneAtATime(turnCount, index => each(subject, index));
  const crowd = turnCount => inFlight(turnCount, WIDTH, index => each(subject, index));
  let folder;
  return {
    name,
    operation,
    way,
    count,
    async begin(made) {
      folder = made;
      subject = await open(folder);
    },
    async end() {
      if (subject === undefined) return;
      await subject.close();
      subject = undefined;
      rmSync(folder, { recursive: true, force: true });
    },
    turn: turnCount =>
      turn ? turn(subject, turnCount) : way === 'lone' ? lone(turnCount) : crowd(turnCount),
  };
}

function contestantsOfRaw(scale) {
  return {
    append: contestant({
      name: 'raw file, one at a time',
      operation: '4 KiB appended to a file, fdatasync',
      way: 'lone',
      count: scale(300),
      open: openRawFile,
      each: file => file.append(),
    }),
  };
}

function contestantsOfSqlite(scale) {
  const entry = index => JSON.stringify(usage(ID, index));
  const insertAll = (database, count) => {
    for (let index = 0; index < count; index += WIDTH) {
      const width = Math.min(WIDTH, count - index);
      database.insertAll(Array.from({ length: width }, (_, place) => entry(index + place)));
    }
  };
  return {
    lone: contestant({
      name: 'better-sqlite3, one at a time',
      operation: 'the usage as a row, a transaction each; WAL, synchronous FULL',
      way: 'lone',
      count: scale(300),
      open: openSqlite,
      each: (database, index) => database.insert(entry(index)),
    }),
    crowd: contestant({
      name: 'better-sqlite3, batches of 1,000',
      operation: 'the same, a transaction for 1,000 rows',
      way: 'crowd',
      count: scale(50_000),
      open: openSqlite,
      turn: insertAll,
    }),
  };
}

function contestantsOfOurs(scale) {
  const onDisk = folder => ready(embeddedTracker({ storage: join(folder, 'ours.db') }));
  const inMemory = () => ready(embeddedTracker());
  const track = (name, way, open) =>
    contestant({
      name,
      operation: 'trackUsage(usage), required fields',
      way,
      count: way === 'lone' ? scale(300) : scale(50_000),
      open,
      each: (tracker, index) => tracker.trackUsage(usage(ID, index)),
    });
  return {
    lone: track('trackUsage on disk, one at a time', 'lone', onDisk),
    memoryLone: track('trackUsage in memory, one at a time', 'lone', inMemory),
    crowd: track('trackUsage on disk, 1,000 in flight', 'crowd', onDisk),
    memoryCrowd: track('trackUsage in memory, 1,000 in flight', 'crowd', inMemory),
    timers: contestant({
      name: 'timers.create on disk, 1,000 in flight',
      operation: 'timers.create({ name, duration })',
      way: 'crowd',
      count: scale(20_000),
      open: folder => ready(loadEntry('timers').createTokenCoordinator({ storage: join(folder, 'ours.db') })),
      each: ({ timers }) => timers.create({ name: 'job', duration: HOUR_MS }),
    }),
  };
}

async function ready(subject) {
  await subject.ready();
  return subject;
}

async function hasSqlite(folder) {
  const database = await openSqlite(folder);
  database?.close();
  return database !== undefined;
}
