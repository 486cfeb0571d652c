import { createClient, defineScript } from 'redis';

// The least a counter on a server needs: one command, called by the script's hash.
const add = defineScript({
  SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key, amount) {
    parser.pushKey(key);
    parser.push(amount.toString());
  },
  transformReply: undefined,
});

/** node-redis, connected, with the script `add(key, amount)`. It pipelines by itself. */
export async function openNodeRedis({ host, port }) {
  const client = createClient({ socket: { host, port }, scripts: { add } });
  await client.connect();
  return client;
}
