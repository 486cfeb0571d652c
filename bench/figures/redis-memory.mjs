import { setTimeout as sleep } from 'node:timers/promises';
import { inFlight } from '../harness/in-flight.mjs';
import { openTracker } from '../harness/product.mjs';
import { infoNumber } from '../harness/redis-server.mjs';
import { ratioRow } from '../harness/rows.mjs';
import { summarize } from '../harness/statistics.mjs';
import { TOKENS_PER_CALL, usage } from '../harness/usage.mjs';
import { openPublished, withoutReading } from '../peers/published.mjs';

export const title = 'Redis memory, per record and per open reservation';

const ID = 'orchestrator-id';
const WIDTH = 100;
const COUNT_MIN = 10_000;
const ROUNDS_MAX = 2; // it hardly varies
const METHODS = ['server memory', 'MEMORY USAGE'];
const REACH = { atMost: 1 };

/**
 * The same usages or reservations are written by each tracker to an empty server; what the server's
 * memory grew by, divided by their number, is the figure. It includes what the hash tables of the server
 * itself take. The sum of MEMORY USAGE over all keys is printed beside it.
 */
export async function run({ redis, rounds, scale, withProduct }) {
  const count = Math.max(COUNT_MIN, scale(20_000));
  const result = { measured: [], ratios: [], notes: NOTES };
  for (const { label, operation, write, variants } of SUBJECTS) {
    const sides = [
      {
        name: `published tracker, ${label}`,
        open: () => openPublished(redis),
        during: withoutReading,
        close: tracker => tracker.disconnect(),
      },
      ...(withProduct ? variants : []).map(({ name, config }) => ({
        name: `${label}${name}`,
        open: () => openTracker(redis, config),
        close: tracker => tracker.close(),
      })),
    ];
    const bytes = sides.map(() => []);
    for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
      for (const [index, side] of sides.entries()) bytes[index].push(await growth(redis, side, write, count));
    }
    for (const of of METHODS) {
      const values = bytes.map(rows => rows.map(row => row[of]));
      sides.forEach(({ name }, index) => {
        const summary = summarize(values[index]);
        result.measured.push({
          name,
          of,
          operation,
          operationsPerTurn: count,
          unit: 'B',
          ...summary,
          note: '',
        });
        if (index === 0) return;
        const ratios = values[index].map((value, round) => value / values[0][round]);
        result.ratios.push(ratioRow(`${name}: ${of}`, name, sides[0].name, ratios, { reach: REACH }));
      });
    }
  }
  return result;
}

const track = fields => (tracker, index) => tracker.trackUsage(usage(ID, index, fields));

const WITH_AND_WITHOUT_HISTORY = [
  { name: '', config: {} },
  { name: ', historyLimit 0', config: { historyLimit: 0 } },
];

const SUBJECTS = [
  {
    label: 'record',
    operation: 'trackUsage(usage), required fields',
    write: track({}),
    variants: WITH_AND_WITHOUT_HISTORY,
  },
  {
    label: 'record, requestId',
    operation: 'trackUsage(usage) with a new requestId each',
    write: track({ withRequestId: true }),
    variants: WITH_AND_WITHOUT_HISTORY,
  },
  {
    label: 'record, requestId and metadata',
    operation: 'trackUsage(usage), the whole example of the document',
    write: track({ withRequestId: true, withMetadata: true }),
    variants: WITH_AND_WITHOUT_HISTORY,
  },
  {
    label: 'open reservation',
    operation: `reserveTokens(id, ${TOKENS_PER_CALL}, 'hourly')`,
    write: async tracker => {
      const { success, error } = await tracker.reserveTokens(ID, TOKENS_PER_CALL, 'hourly');
      if (!success) throw new Error(error);
    },
    variants: [{ name: '', config: {} }],
  },
];

/** What the server grew by per operation, in bytes. The writer is gone when it is read. */
async function growth(redis, { open, during = (_writer, work) => work(), close }, write, count) {
  const writeFromNew = async operations => {
    const writer = await open();
    await during(writer, () => inFlight(operations, WIDTH, index => write(writer, index)));
    await close(writer);
    await othersGone(redis);
  };
  await redis.flush();
  // A first writer leaves behind what stays for good, such as scripts in the server's cache.
  await writeFromNew(10);
  await redis.flush();
  const before = await usedMemory(redis);
  await writeFromNew(count);
  const after = await usedMemory(redis);
  return {
    'server memory': (after - before) / count,
    'MEMORY USAGE': (await memoryOfKeys(redis)) / count,
  };
}

async function usedMemory({ client }) {
  const info = await client.info('memory');
  // Buffers of connections say nothing about what is stored.
  return infoNumber(info, 'used_memory') - infoNumber(info, 'mem_clients_normal');
}

/** A connection that was closed is freed a moment later. */
async function othersGone({ client }) {
  for (const deadlineMs = Date.now() + 5000; Date.now() < deadlineMs; await sleep(5)) {
    if (infoNumber(await client.info('clients'), 'connected_clients') === 1) return;
  }
  throw new Error('a closed tracker still holds a connection');
}

async function memoryOfKeys({ client }) {
  let bytes = 0;
  for await (const keys of client.scanStream({ count: 1000 })) {
    // SAMPLES 0 looks at every entry instead of guessing from some.
    const sizes = await Promise.all(keys.map(key => client.memory('USAGE', key, 'SAMPLES', 0)));
    for (const size of sizes) bytes += size;
  }
  return bytes;
}

const NOTES = [
  'The published tracker always keeps a history; rows with historyLimit 0 compare with all it keeps.',
  'With a requestId ours remembers it for an hour, so that the usage counts once; the published one only ' +
    'writes it into the history.',
];
