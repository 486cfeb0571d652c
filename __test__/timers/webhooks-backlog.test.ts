/** A host with more webhooks than a process holds keeps no other host waiting. */
import { type CoordinatorOptions, createTokenCoordinator } from '@wundr.io/token-budget/timers';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually, HOST } from '../support/system';
import { closeAll, coordinator } from './helpers';
import { endAll, httpReceiver, recorder } from './webhook-receivers';

/** More than the places of a process. */
const MANY = 13_000;

let server: RedisServer;
let stores = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  await closeAll();
  await endAll();
});

const timer = (webhook: string, n: number) => ({
  id: `t${webhook}${n}`,
  name: 'n',
  duration: 0,
  events: { on_expire: { webhook } },
});

function storeOf(kind: 'memory' | 'redis'): CoordinatorOptions {
  stores += 1;
  const name = `backlog-${process.pid}-${stores}`;
  return kind === 'memory'
    ? { memory: { name } }
    : { redis: { host: HOST, port: server.port, keyPrefix: name } };
}

/** Hosts that take every request and answer none. */
function hanging(count: number) {
  return Promise.all(Array.from({ length: count }, () => httpReceiver(() => {})));
}

async function create(author: ReturnType<typeof coordinator>, webhooks: readonly string[]): Promise<void> {
  for (let from = 0; from < MANY; from += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, at) =>
        author.timers.create(timer(webhooks[at % webhooks.length] as string, from + at)),
      ),
    );
  }
}

describe.each([
  ['memory', 1, 1],
  ['memory', 6, 1],
  ['redis', 1, 2],
] as const)('%s, %d hosts that hang, %d processes', (kind, hosts, processes) => {
  test('another host has its webhooks at once, the repeated ones, too', async () => {
    const options = { ...storeOf(kind), webhooks: { allow: ['127.0.0.1'], base: 300, jitter: 0 } };
    const slow = await hanging(hosts);
    const quick = await recorder((_one, number) => [number === 1 ? 503 : 200]);
    const author = coordinator({ ...options, run: false });
    await create(
      author,
      slow.map(({ url }) => `${url}/`),
    );
    const runners = Array.from({ length: processes }, () => coordinator(options));
    // All of them have fired.
    await eventually('that all have fired', async () => {
      const { timers } = await author.timers.list({ status: 'scheduled', limit: 1 });
      return timers.length === 0 ? true : undefined;
    });
    const beganMs = performance.now();
    await author.timers.create(timer(`${quick.url}/`, 0));
    await eventually('the first attempt', () => quick.arrived[0]);
    const firstMs = performance.now() - beganMs;
    await eventually('the second one', () => quick.arrived[1]);
    // The time-out of those that hang is 15 s, and nothing of theirs has ended before.
    expect(firstMs).toBeLessThan(8000);
    const waiting = await author.timers.deliveries({ limit: 10_000 });
    expect(waiting).toHaveLength(10_000);
    for (const runner of runners) await runner.close({ timeout: 0 });
  }, 60_000);
});

test('what was put off arrives when its host answers again, each once', async () => {
  let isBack = false;
  const ids: unknown[] = [];
  const held: Array<() => void> = [];
  const { url } = await httpReceiver((request, response) => {
    ids.push(request.headers['webhook-id']);
    const answer = () => void response.writeHead(200).end();
    if (isBack) answer();
    else held.push(answer);
  });
  const minoots = createTokenCoordinator({ webhooks: { allow: ['127.0.0.1'] } });
  try {
    let delivered = 0;
    minoots.on('timer:delivered', () => {
      delivered += 1;
    });
    await create(minoots, [`${url}/`]);
    await eventually('requests', () => (held.length > 0 ? true : undefined));
    isBack = true;
    for (const answer of held) answer();
    await eventually('all', () => (delivered === MANY ? true : undefined), { timeoutMs: 50_000 });
    expect(new Set(ids).size).toBe(MANY);
    expect(ids).toHaveLength(MANY);
    expect(await minoots.timers.deliveries()).toEqual([]);
  } finally {
    await minoots.close({ timeout: 0 });
  }
}, 60_000);
