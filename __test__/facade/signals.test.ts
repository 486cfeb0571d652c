import { type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { startProxy, type TcpProxy } from '../support/proxy';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually } from '../support/system';
import { rejection, usage } from './helpers';

let server: RedisServer;
let proxy: TcpProxy;
const open: TokenBudgetTracker[] = [];

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy(server);
});

afterEach(async () => {
  proxy.setMode('pass');
  await Promise.all(open.splice(0).map(one => one.close({ timeout: 1000 })));
});

afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

function remote(config: BudgetConfig = {}): TokenBudgetTracker {
  const redis = { host: proxy.host, port: proxy.port, keyPrefix: `signals-${Math.random()}` };
  return keep(new TokenBudgetTracker({ defaultBudget: { hourly: 1000 }, ...config, redis }));
}

function keep(tracker: TokenBudgetTracker): TokenBudgetTracker {
  open.push(tracker);
  return tracker;
}

/** What somebody may pass for an AbortSignal. */
function oddSignal(members: object): AbortSignal {
  const signal = { aborted: false, addEventListener: () => {}, removeEventListener: () => {} };
  // Spreading would ask getters.
  return Object.defineProperties(signal, Object.getOwnPropertyDescriptors(members)) as unknown as AbortSignal;
}

function fail(message: string) {
  return () => {
    throw new Error(message);
  };
}

const now = (total: number) => ({ ...usage(total), timestamp: new Date() });

describe.each([
  ['in memory', () => keep(new TokenBudgetTracker({ defaultBudget: { hourly: 1000 } }))],
  ['on Redis', () => remote()],
])('a signal %s', (_where, make) => {
  test.each([
    ['no removeEventListener', { removeEventListener: undefined }],
    ['no addEventListener', { addEventListener: undefined }],
    ['an `aborted` that is no boolean', { aborted: 0 }],
  ])('with %s is an invalid argument', async (_name, members) => {
    const subject = make();
    const signal = oddSignal(members);
    const calls = [
      subject.checkBudget('orch', 1, 'hourly', { signal }),
      subject.reserveTokens('orch', 1, 'hourly', { signal }),
      subject.getUsageStats('orch', 'hourly', { signal }),
      subject.ready({ signal }),
    ];
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.signal' });
    }
    expect((await subject.getUsageStats('orch')).reservedTokens).toBe(0);
  });

  test('whose `aborted` throws later is an invalid argument', async () => {
    let asked = 0;
    const signal = oddSignal({
      get aborted() {
        if (asked++ > 0) throw new Error('again');
        return false;
      },
    });
    const call = make().checkBudget('orch', 1, 'hourly', { signal });
    expect(await rejection(call)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'options.signal.aborted',
    });
  });

  test('that is aborted and whose reason throws rejects as aborted', async () => {
    const signal = oddSignal({
      aborted: true,
      get reason() {
        throw new Error('no reason');
      },
    });
    const call = make().checkBudget('orch', 1, 'hourly', { signal });
    expect(await rejection(call)).toMatchObject({ name: 'AbortError' });
  });
});

describe('a signal on Redis', () => {
  test('that cannot be listened to fails its own call, and no other', async () => {
    // One call may wait: what was refused must not count.
    const subject = remote({ maxPending: 1 });
    await subject.ready();
    const signal = oddSignal({ addEventListener: fail('add') });
    for (let turn = 0; turn < 3; turn++) {
      expect(await rejection(subject.checkBudget('orch', 1, 'hourly', { signal }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        field: 'options.signal',
        cause: new Error('add'),
      });
    }
    await subject.trackUsage(now(10));
    expect((await subject.getUsageStats('orch')).totalUsed).toBe(10);
  });

  test('that can be listened to the second time works then', async () => {
    const subject = remote();
    await subject.ready();
    let abort = () => {};
    let asked = 0;
    const signal = oddSignal({
      addEventListener: (_name: string, listener: () => void) => {
        if (asked++ === 0) throw new Error('add');
        abort = listener;
      },
    });
    await rejection(subject.checkBudget('orch', 1, 'hourly', { signal }));
    const check = subject.checkBudget('orch', 1, 'hourly', { signal });
    abort();
    expect(await rejection(check)).toMatchObject({ name: 'AbortError' });
  });

  test('whose removeEventListener throws disturbs nobody', async () => {
    const subject = remote({ maxPending: 3 });
    await subject.ready();
    const signal = oddSignal({ removeEventListener: fail('remove') });
    for (let turn = 0; turn < 3; turn++) {
      const [check, tracked, reserved] = await Promise.all([
        subject.checkBudget('orch', 1, 'hourly', { signal }),
        subject.trackUsage(now(10)),
        subject.reserveTokens('orch', 1, 'hourly', { signal }),
      ]);
      expect(check.allowed).toBe(true);
      expect(tracked).toBeUndefined();
      expect(reserved.success).toBe(true);
    }
    expect(await subject.getUsageStats('orch')).toMatchObject({ totalUsed: 30, reservedTokens: 3 });
  });

  test('that fires while it is listened to aborts, and nothing stays held', async () => {
    const subject = remote({ maxPending: 1 });
    await subject.ready();
    const signal = oddSignal({
      reason: new Error('at once'),
      addEventListener: (_name: string, listener: () => void) => listener(),
    });
    const call = subject.reserveTokens('orch', 5, 'hourly', { signal });
    expect(await rejection(call)).toEqual(new Error('at once'));
    await eventually('the grant to be given back', async () =>
      (await subject.getUsageStats('orch')).reservedTokens === 0 ? true : undefined,
    );
  });

  test('whose reason throws when it is aborted rejects all the same', async () => {
    const subject = remote();
    await subject.ready();
    proxy.setMode('black-hole');
    let abort = () => {};
    const signal = oddSignal({
      addEventListener: (_name: string, listener: () => void) => {
        abort = listener;
      },
      get reason() {
        throw new Error('no reason');
      },
    });
    const calls = [1, 2].map(tokens => subject.checkBudget('orch', tokens, 'hourly', { signal }));
    abort();
    for (const call of calls) expect(await rejection(call)).toMatchObject({ name: 'AbortError' });
  });
});

test('a record that cannot be told fails no other call', async () => {
  const subject = remote({ commandTimeout: 300 });
  await subject.ready();
  proxy.setMode('black-hole');
  const count = subject.listenerCount.bind(subject);
  subject.listenerCount = name => {
    if (String(name).startsWith('usage:spooled')) throw new Error('no count');
    return count(name);
  };
  // Both run out of time together; telling that the usage waits throws.
  const [tracked, checked] = await Promise.allSettled([
    subject.trackUsage(now(10)),
    subject.checkBudget('orch', 1),
  ]);
  expect(tracked.status).toBe('fulfilled');
  expect(checked).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } });
});
