/** What errors say, and what they must not. */
import { createServer, type Server } from 'node:net';
import { type BudgetConfig, type RedisOptions, TokenBudgetTracker } from '@wundr.io/token-budget';
import { type RedisServer, startRedis } from '../support/redis';
import { freePort, HOST } from '../support/system';
import { closeAll, rejection, tracker, usage } from './helpers';

afterEach(closeAll);

describe('a store that cannot be reached', () => {
  let server: RedisServer;
  let nameless: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ password: 'right' });
    nameless = await startRedis({ args: ['--rename-command', 'AUTH', ''] });
  });
  afterAll(() => Promise.all([server.stop(), nameless.stop()]));

  const refusal = async (redis: RedisOptions, config: BudgetConfig = {}) => {
    const subject = new TokenBudgetTracker({
      connectTimeout: 300,
      ...config,
      redis: { host: HOST, ...redis },
    });
    const told: string[] = [];
    subject.on('store:disconnected', ({ reason }) => told.push(reason));
    const error = await rejection(subject.checkBudget('orch', 1));
    await subject.close({ timeout: 0 });
    return { ...error, message: error.message, told: told.join() };
  };

  test.each<[string, () => Promise<RedisOptions>, RegExp]>([
    [
      'a wrong password',
      async () => ({ port: server.port, password: 'hunter2' }),
      /^the store cannot be reached: no connection to 127\.0\.0\.1:\d+: AUTH: WRONGPASS /,
    ],
    [
      'no password',
      async () => ({ port: server.port }),
      /: no connection to 127\.0\.0\.1:\d+: PING: NOAUTH Authentication required/,
    ],
    [
      'a database that is not there',
      async () => ({ port: server.port, password: 'right', db: 99 }),
      /: no connection to 127\.0\.0\.1:\d+: SELECT: ERR DB index is out of range$/,
    ],
    [
      'nobody who listens',
      async () => ({ port: await freePort(), password: 'hunter2' }),
      /: no connection to 127\.0\.0\.1:\d+: .*refused/i,
    ],
    [
      'a server that repeats what it does not understand',
      async () => ({ port: nameless.port, username: 'agent-7', password: 'hunter2' }),
      /: no connection to 127\.0\.0\.1:\d+: AUTH: ERR unknown command '?`?AUTH/,
    ],
  ])('%s is the reason that is told', async (_name, redis, expected) => {
    const options = await redis();
    const { code, message, told } = (await refusal(options)) as {
      code?: string;
      message: string;
      told: string;
    };
    expect(code).toBe('STORE_UNAVAILABLE');
    expect(message).toMatch(expected);
    for (const secret of ['hunter2', 'agent-7', 'right']) {
      expect(message).not.toContain(secret);
      expect(told).not.toContain(secret);
    }
  });
});

describe('a server before Redis 7.0', () => {
  let server: Server;
  let port = 0;

  /** Answers as such servers do; commands are told apart by their names alone. */
  beforeAll(async () => {
    const compiling = `Error compiling script (new function): user_script:1: unexpected symbol near '#'`;
    const answers: Record<string, string> = {
      PING: '+PONG\r\n',
      TIME: '*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n',
      CONFIG: '*0\r\n',
      EVALSHA: '-NOSCRIPT No matching script. Please use EVAL.\r\n',
      SCRIPT: `-ERR ${compiling}\r\n`,
      EVAL: `-ERR ${compiling}\r\n`,
    };
    server = createServer(socket => {
      let received = '';
      socket.on('error', () => {});
      socket.on('data', data => {
        received += data.toString('latin1');
        for (let end = commandEnd(received); end > 0; end = commandEnd(received)) {
          const name = received.split('\r\n', 3)[2] ?? '';
          received = received.slice(end);
          socket.write(answers[name.toUpperCase()] ?? '-ERR unknown command\r\n');
        }
      });
    });
    port = await new Promise(resolve => {
      server.listen(0, HOST, () => resolve((server.address() as { port: number }).port));
    });
  });
  afterAll(() => new Promise(resolve => server.close(resolve)));

  /** Where the first command ends, 0 while it is not whole. */
  function commandEnd(received: string): number {
    const header = /^\*(\d+)\r\n/.exec(received);
    if (header === null) return 0;
    let at = header[0].length;
    for (let left = Number(header[1]); left > 0; left--) {
      const length = /^\$(\d+)\r\n/.exec(received.slice(at, at + 20));
      if (length === null) return 0;
      at += length[0].length + Number(length[1]) + 2;
    }
    return at <= received.length ? at : 0;
  }

  test('is told to be too old', async () => {
    const subject = new TokenBudgetTracker({ redis: { host: HOST, port } });
    for (const call of [subject.checkBudget('orch', 1), subject.trackUsage(usage(1))]) {
      expect(await rejection(call)).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(
          /^the store refused: the server is too old, Redis 7\.0 or Valkey 7\.2 is needed: ERR Error compiling/,
        ),
      });
    }
    await subject.close();
  });
});

describe('what was given is repeated only as far as it helps', () => {
  const long = 'x'.repeat(1_000_000);
  const subject = () => tracker();

  test.each<[string, () => Promise<unknown>]>([
    ['reservation id', () => subject().releaseReservation(long, 1)],
    ['reservation id of a known form', () => subject().releaseReservation(`1${'a'.repeat(900)}.b`, 1)],
    ['orchestrator', () => subject().checkBudget(long, 1)],
    ['period', () => subject().checkBudget('orch', 1, long as never)],
    ['override id', () => subject().removeOverride('orch', long)],
    ['name of a period', () => subject().setBudget('orch', { [long]: 1 })],
    ['metadata that cannot be written', () => subject().trackUsage(usage(1, { metadata: unwritable }))],
    ['request id', () => conflict('x'.repeat(1000))],
    ['option', async () => new TokenBudgetTracker({ [long]: 1 } as never)],
    ['option of Redis', async () => new TokenBudgetTracker({ redis: { [long]: 1 } as never })],
    [
      'orchestrator with a budget',
      async () => new TokenBudgetTracker({ orchestratorBudgets: { [long]: {} } }),
    ],
    ['protocol', async () => new TokenBudgetTracker({ redis: { url: `${long}://host` } })],
  ])('%s', async (_name, call) => {
    const error = await rejection(call());
    expect(error.name).toBe('TokenBudgetError');
    expect(error.message.length).toBeLessThan(600);
    expect(String(error.field).length).toBeLessThan(300);
  });

  const unwritable = {
    toJSON() {
      throw new Error(long);
    },
  };

  async function conflict(requestId: string): Promise<void> {
    const one = subject();
    await one.trackUsage(usage(1, { requestId }));
    await one.trackUsage(usage(2, { requestId }));
  }
});
