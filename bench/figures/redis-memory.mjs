import { inFlight } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { infoNumber } from '../harness/redis-server.mjs';
import { ratioRow } from '../harness/rows.mjs';
import { summarize } from '../harness/statistics.mjs';
import { TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { openPublished } from '../peers/published.mjs';

export const title = 'Redis memory';

const ID = 'orchestrator-id';
const WIDTH = 100;
const ROUNDS_MAX = 3;
const REACH = { atMost: 1 };

/**
 * The same usages or reservations are written by each tracker to an empty server; what the server's
 * memory grew by, divided by their number, is the figure. It includes what hash tables of the server
 * itself take. The sum of MEMORY USAGE over all keys is printed beside it.
 */
export async function run({ redis, rounds, scale, withProduct }) {
  const count = Math.max(10_000, scale(20_000));
  const result = { measured: [], ratios: [], notes: NOTES };
  for (const { label, write, config, reach } of comparisons()) {
    const peer = [];
    const ours = [];
    for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
      peer.push(
        await grow(
          redis,
          () => openPublishedForWriting(redis),
          tracker => tracker.disconnect(),
          write,
          count,
        ),
      );
      if (!withProduct) continue;
      ours.push(
        await grow(
          redis,
          () => openTracker(redis, config),
          tracker => tracker.close(),
          write,
          count,
        ),
      );
    }
    const names = { peer: `published tracker, ${label}`, ours: label };
    for (const [side, values] of Object.entries({ peer, ours })) {
      if (values.length === 0) continue;
      for (const of of ['server memory', 'MEMORY USAGE of keys']) {
        result.measured.push({
          name: names[side],
          of,
          operation: label,
          operationsPerTurn: count,
          unit: 'B',
          ...summarize(values.map(value => value[of])),
          note: '',
        });
      }
    }
    for (const of of withProduct ? ['server memory', 'MEMORY USAGE of keys'] : []) {
      const ratios = ours.map((value, round) => value[of] / peer[round][of]);
      result.ratios.push(ratioRow(`${label}: ${of}`, names.ours, names.peer, ratios, { reach }));
    }
  }
  return result;
}

function comparisons() {
  const track = fields => (tracker, index) => tracker.trackUsage(usage(ID, index, fields));
  const withRequestId = { withRequestId: true };
  return [
    { label: 'a record, requestId', write: track(withRequestId), reach: REACH },
    {
      label: 'a record, requestId and metadata',
      write: track({ ...withRequestId, withMetadata: true }),
      reach: REACH,
    },
    { label: 'a record, required fields', write: track({}), reach: REACH },
    {
      label: 'a record, requestId, historyLimit 0',
      write: track(withRequestId),
      config: { historyLimit: 0 },
      reach: REACH,
    },
    {
      label: 'a record, required fields, historyLimit 0',
      write: track({}),
      config: { historyLimit: 0 },
      reach: REACH,
    },
    {
      label: 'an open reservation',
      write: async tracker => {
        const { success, error } = await tracker.reserveTokens(ID, TOKENS_PER_CALL, 'hourly');
        if (!success) throw new Error(error);
      },
      reach: REACH,
    },
  ];
}

/** What the server grew by per operation, in bytes. The writer is gone when it is read. */
async function grow(redis, open, close, write, count) {
  await redis.flush();
  // A first writer leaves behind what stays for good, such as scripts in the server's cache.
  for (const written of [10, 0]) {
    const writer = await open();
    await inFlight(written, 1, index => write(writer, index));
    await close(writer);
    await redis.flush();
  }
  const before = await usedMemory(redis);
  const writer = await open();
  await inFlight(count, WIDTH, index => write(writer, index));
  await close(writer);
  const after = await usedMemory(redis);
  const keys = await memoryOfKeys(redis);
  return { 'server memory': (after - before) / count, 'MEMORY USAGE of keys': keys / count };
}

async function usedMemory({ client }) {
  // A connection that has just ended is freed a moment later.
  while (infoNumber(await client.info('clients'), 'connected_clients') > 1);
  const info = await client.info('memory');
  return infoNumber(info, 'used_memory') - infoNumber(info, 'mem_clients_normal');
}

async function memoryOfKeys({ client }) {
  let sum = 0;
  for await (const keys of client.scanStream({ count: 1000 })) {
    // SAMPLES 0 looks at every entry instead of guessing from some.
    sum += (await Promise.all(keys.map(key => client.memory('USAGE', key, 'SAMPLES', 0)))).reduce(
      (a, b) => a + b,
      0,
    );
  }
  return sum;
}

/**
 * The published tracker reads everything back for every write, which takes a time that grows with the
 * square of their number and leaves nothing on the server; only its writes matter here.
 */
async function openPublishedForWriting(redis) {
  const tracker = await openPublished(redis);
  tracker.checkThresholds = async () => {};
  tracker.checkBudget = async () => ({ allowed: true, remaining: 0 });
  return tracker;
}

const NOTES = [
  'The published tracker always keeps a history; rows with historyLimit 0 compare with all it keeps.',
  'With a requestId ours remembers it for an hour, so that the usage counts once; the published one only ' +
    'writes it into the history.',
];
