import { setTimeout as sleep } from 'node:timers/promises';
import { onCoresOfTheirOwn } from '../harness/cores.mjs';
import { inFlight, oneAtATime } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { openAdmin, startRedis } from '../harness/redis-server.mjs';
import { measureRounds } from '../harness/rounds.mjs';
import { measured, ratio } from '../harness/rows.mjs';
import { TOKENS_PER_CALL, usage } from '../harness/usage.mjs';

export const title = 'Cost on a loaded server against an empty one';

const ID = 'orchestrator-0';
const WIDTH = 1000;
const RESERVATION_TTL_MS = 86_400_000; // none of the open ones expires meanwhile
const REACH = { atMost: 1.1 };
// More than a turn writes, in lists like those it writes to.
const BALLAST_RECORDS = 40_000;
const BALLAST_PIECE = 500;
const BALLAST_RECORD_BYTES = 131;
const SETTLE_STEP_MS = 500;
const SETTLE_MIN_MS = 3000;
const SETTLE_MAX_MS = 20_000;
const SETTLED_CPU_SHARE = 0.01;

/**
 * All history and all open reservations belong to the orchestrator that is measured, where they could
 * hurt most. Both servers run all the time and take turns; the empty one is emptied before each turn,
 * but for one usage and one reservation.
 */
export async function run({ executable, rounds, scale, withProduct, pinned }) {
  if (!withProduct) return { measured: [], ratios: [], notes: ['Compares the package with itself.'] };
  const load = { records: scale(1_000_000), reservations: scale(100_000), foreignKeys: scale(10_000_000) };
  // The default of 100,000 entries would forget most of the records.
  const config = { historyLimit: load.records * 2, reservationTTL: RESERVATION_TTL_MS };
  const sides = [await openSide('empty', executable, config), await openSide('loaded', executable, config)];
  const [empty, loaded] = sides;
  const loadedIn = await fill(loaded, load);

  const result = { measured: [], ratios: [], notes: [loadedIn, NOTE] };
  for (const { name, operation, count, turn } of operations(scale)) {
    const pair = sides.map(side => ({
      name: `${name}, ${side.name}`,
      operation,
      count,
      redis: side.admin,
      side,
      turn: turnCount => turn(side.tracker, turnCount),
    }));
    const beforeTurn = async ({ side }) => {
      if (side === empty) await begin(side);
      await giveMemory(side);
    };
    const admins = sides.map(({ admin }) => admin);
    const { result: samples, note } = await onCoresOfTheirOwn(admins, pinned, () =>
      measureRounds(pair, { rounds, beforeTurn }),
    );
    if (!result.notes.includes(note)) result.notes.push(note);
    result.measured.push(
      ...pair.flatMap(each => ['latency', 'server'].map(kind => measured(each, samples, kind))),
    );
    result.ratios.push(
      ratio(`${name}: loaded / empty`, pair[1], pair[0], samples, 'latency', { reach: REACH }),
      ratio(`${name}: loaded / empty, server CPU`, pair[1], pair[0], samples, 'server'),
    );
  }
  for (const side of sides) await side.close();
  return result;
}

function operations(scale) {
  const reserveAndSettle = async tracker => {
    const { reservationId } = await tracker.reserveTokens(ID, TOKENS_PER_CALL);
    await tracker.releaseReservation(reservationId, TOKENS_PER_CALL);
  };
  const single = (name, operation, each) => ({
    name,
    operation,
    count: scale(1000),
    turn: (tracker, count) => oneAtATime(count, index => each(tracker, index)),
  });
  return [
    single('checkBudget', 'checkBudget, one at a time', tracker => tracker.checkBudget(ID, TOKENS_PER_CALL)),
    single('trackUsage', 'trackUsage, one at a time', (tracker, i) => tracker.trackUsage(usage(ID, i))),
    single('reserve + settle', 'reserveTokens, releaseReservation, one at a time', reserveAndSettle),
    single('getUsageStats', 'getUsageStats, one at a time', tracker => tracker.getUsageStats(ID)),
    {
      name: 'trackUsage, 1,000 in flight',
      operation: 'trackUsage, 1,000 in flight',
      count: scale(20_000),
      turn: (tracker, count) => inFlight(count, WIDTH, index => tracker.trackUsage(usage(ID, index))),
    },
  ];
}

async function openSide(name, executable, config) {
  const server = await startRedis({ executable });
  const admin = await openAdmin(server.port);
  const side = {
    name,
    admin,
    tracker: null,
    async open() {
      side.tracker = await openTracker(admin, config);
    },
    async close() {
      await side.tracker.close();
      await admin.close();
      await server.stop();
    },
  };
  // The loaded side connects once its foreign keys are there: making them holds up the server.
  if (name === 'empty') await side.open();
  return side;
}

/** An empty server, but for one usage and one reservation: growth is asked for, not the first call of all. */
async function begin({ admin, tracker }) {
  await admin.flush();
  await tracker.trackUsage(usage(ID, 0));
  await tracker.reserveTokens(ID, 1);
}

/**
 * Emptying a server leaves it memory at hand; one that only grows takes fresh pages of the system, whose first touch
 * costs more than what is written to them. So both are given as much.
 */
async function giveMemory({ admin: { client } }) {
  const lists = ['ballast:a', 'ballast:b', 'ballast:c'];
  const piece = new Array(BALLAST_PIECE).fill('x'.repeat(BALLAST_RECORD_BYTES));
  for (let count = 0; count < BALLAST_RECORDS; count += BALLAST_PIECE) {
    await Promise.all(lists.map(list => client.rpush(list, ...piece)));
  }
  await client.del(...lists);
}

async function fill(side, { records, reservations, foreignKeys }) {
  const begunMs = performance.now();
  await makeForeignKeys(side.admin.client, foreignKeys);
  await side.open();
  await inFlight(records, WIDTH, i => side.tracker.trackUsage(usage(ID, i)));
  await inFlight(reservations, WIDTH, async () => {
    const { success, error } = await side.tracker.reserveTokens(ID, 1);
    if (!success) throw new Error(error);
  });
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(0);
  const keys = await side.admin.client.dbsize();
  await settled(side.admin);
  return (
    `Loaded with ${words(foreignKeys)} foreign keys, ${words(records)} records of history and ` +
    `${words(reservations)} open reservations (${words(keys)} keys) in ${seconds} s.`
  );
}

/** A server that was just filled goes on for a while, growing its tables; a busy one is not what is measured. */
async function settled(admin) {
  for (let waitedMs = 0; waitedMs < SETTLE_MAX_MS; waitedMs += SETTLE_STEP_MS) {
    const before = await admin.cpuNs();
    await sleep(SETTLE_STEP_MS);
    const busy = ((await admin.cpuNs()) - before) / (SETTLE_STEP_MS * 1e6);
    if (busy < SETTLED_CPU_SHARE && waitedMs >= SETTLE_MIN_MS) return;
  }
}

/** DEBUG POPULATE where the server allows it, else MSET in large pieces. */
async function makeForeignKeys(client, count) {
  try {
    await client.call('DEBUG', 'POPULATE', count, 'foreign', 16);
    return;
  } catch {
    // not allowed there
  }
  const PIECE = 10_000;
  for (let from = 0; from < count; from += PIECE) {
    const pairs = [];
    for (let index = from; index < Math.min(count, from + PIECE); index++)
      pairs.push(`foreign:${index}`, 'value');
    await client.mset(pairs);
  }
}

function words(count) {
  return count.toLocaleString('en-US');
}

const NOTE =
  'Server CPU is the time of the whole Redis process per operation, also with its I/O; a growing cost shows ' +
  'there first, since a round trip hides it.';
