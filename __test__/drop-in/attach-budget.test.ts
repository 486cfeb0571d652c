/** Sessions of a daemon within a budget: as the tracker document tells of them, and as the real daemon does. */
import { EventEmitter } from 'node:events';
import { type AttachBudgetOptions, attachBudget, type DaemonSession } from '@wundr.io/token-budget/budget';
import { closeAll, heard, manualClock, NOON, tracker } from '../facade/helpers';
import { eventually } from '../support/system';

afterEach(closeAll);

/** Tells of sessions as the document's daemon does; `stopped` keeps what it was asked to stop. */
class Daemon extends EventEmitter {
  stopped: string[] = [];
  async stopSession(id: string): Promise<void> {
    this.stopped.push(id);
  }
}

let lastId = 0;
function session(more: Partial<DaemonSession> = {}): DaemonSession {
  lastId += 1;
  return { id: `session-${lastId}`, orchestratorId: 'orch', model: 'model-a', status: 'running', ...more };
}

function used(of: DaemonSession, prompt: number, completion: number): DaemonSession {
  of.metrics = {
    promptTokens: prompt,
    completionTokens: completion,
    tokensUsed: prompt + completion,
  };
  return of;
}

async function attached(options: AttachBudgetOptions = {}, budget = { hourly: 25_000 }) {
  const daemon = new Daemon();
  const keeper = tracker({ defaultBudget: budget });
  const errors: unknown[] = [];
  const detach = attachBudget(daemon, keeper, { onError: error => errors.push(error), ...options });
  return { daemon, keeper, errors, detach };
}

test('reserves when a session is spawned, and settles with its metrics when it completes', async () => {
  const { daemon, keeper, errors, detach } = await attached();
  const tracked = heard(keeper, 'usage:tracked');
  const one = session();
  daemon.emit('session:spawned', one);
  const held = await eventually('a reservation', async () => {
    const stats = await keeper.getUsageStats('orch');
    return stats.activeReservations === 1 ? stats : undefined;
  });
  expect(held).toMatchObject({ reservedTokens: 10_000, totalUsed: 0 });

  daemon.emit('session:completed', used(one, 800, 200));
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({
    ...{ totalUsed: 1000, reservedTokens: 0, activeReservations: 0 },
    breakdown: { promptTokens: 800, completionTokens: 200 },
    topModels: [{ model: 'model-a', tokens: 1000, percentage: 100 }],
  });
  expect(tracked).toEqual([[expect.objectContaining({ sessionId: one.id, totalTokens: 1000 })]]);
  expect({ stopped: daemon.stopped, errors }).toEqual({ stopped: [], errors: [] });
});

test('a session that does not fit is stopped, and what it used by then counts', async () => {
  const refused: unknown[] = [];
  const { daemon, keeper, detach, errors } = await attached({
    onRefused: (one, answer) => refused.push([one.id, answer]),
  });
  const sessions = [session(), session(), session()];
  for (const one of sessions) daemon.emit('session:spawned', one);
  await eventually('the third to be stopped', () => (daemon.stopped.length > 0 ? true : undefined));
  expect(daemon.stopped).toEqual([sessions[2]?.id]);
  expect(refused).toEqual([
    [sessions[2]?.id, expect.objectContaining({ success: false, available: 5000, remaining: 0 })],
  ]);
  daemon.emit('session:stopped', used(sessions[2] as DaemonSession, 70, 30));
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 100, reservedTokens: 20_000 });
  expect(errors).toEqual([]);
});

test('of a hundred sessions that start together exactly as many go on as fit', async () => {
  const { daemon, detach, keeper } = await attached({ estimate: 100 }, { hourly: 1000 });
  for (let n = 0; n < 100; n++) daemon.emit('session:spawned', session());
  await detach();
  expect(daemon.stopped).toHaveLength(90);
  expect(await keeper.getUsageStats('orch')).toMatchObject({ reservedTokens: 1000, activeReservations: 10 });
});

test('with `check` nothing is held, in every period it must fit, and usage is tracked', async () => {
  const { daemon, keeper, detach } = await attached(
    { mode: 'check', period: ['hourly', 'daily'], estimate: one => (one.model === 'large' ? 5000 : 100) },
    { hourly: 10_000, daily: 4000 } as { hourly: number },
  );
  const small = session();
  const large = session({ model: 'large' });
  daemon.emit('session:spawned', small);
  daemon.emit('session:spawned', large);
  daemon.emit('session:completed', used(small, 30, 20));
  await detach();
  expect(daemon.stopped).toEqual([large.id]);
  expect(await keeper.getUsageStats('orch', 'daily')).toMatchObject({ totalUsed: 50, reservedTokens: 0 });
});

describe.each(['reserve', 'check'] as const)('within a budget in money, with `%s`', mode => {
  async function limited(config: object = {}, options: AttachBudgetOptions = {}) {
    const daemon = new Daemon();
    const dailyCost = { amount: '0.10', currency: 'USD' };
    const keeper = tracker({ defaultBudget: { dailyCost }, ...config });
    const errors: unknown[] = [];
    const refused: unknown[] = [];
    const detach = attachBudget(daemon, keeper, {
      ...{ mode, period: 'all', onError: error => errors.push(error) },
      ...{ onRefused: (_, answer) => refused.push(answer), ...options },
    });
    const run = async (of: DaemonSession) => {
      daemon.emit('session:spawned', of);
      daemon.emit('session:completed', used(of, 6000, 3000));
      await eventually('its end', async () => {
        const { totalUsed } = await keeper.getUsageStats('orch', 'daily');
        return totalUsed > 0 ? true : undefined;
      });
    };
    return { daemon, keeper, errors, refused, detach, run };
  }

  test('sessions are priced by their model, and what does not fit is stopped', async () => {
    const { daemon, keeper, errors, refused, detach, run } = await limited();
    // 10,000 tokens of gpt-4o cost 0.10 at most; these cost 0.045.
    await run(session({ model: 'gpt-4o' }));
    const second = session({ model: 'gpt-4o' });
    daemon.emit('session:spawned', second);
    await eventually('it to be stopped', () => (daemon.stopped.length > 0 ? true : undefined));
    await detach();
    expect(daemon.stopped).toEqual([second.id]);
    expect(refused).toMatchObject([{ limitedBy: 'cost' }]);
    expect(errors).toEqual([]);
    expect((await keeper.getUsageStats('orch', 'daily')).cost?.used.amount).toBe('0.045');
  });

  test('a session without a model is refused, unless it may cost nothing', async () => {
    const nameless = { model: undefined } as Partial<DaemonSession>;
    const { daemon, errors, refused, detach } = await limited();
    const one = session(nameless);
    daemon.emit('session:spawned', one);
    await detach();
    expect({ stopped: daemon.stopped, errors }).toEqual({ stopped: [one.id], errors: [] });
    const message = expect.stringContaining('expected a cost or a model');
    expect(refused).toMatchObject([
      mode === 'check' ? { allowed: false, message } : { success: false, error: message },
    ]);
    const free = await limited({ unknownModel: 'unpriced' });
    free.daemon.emit('session:spawned', session(nameless));
    await free.detach();
    expect({ stopped: free.daemon.stopped, errors: free.errors }).toEqual({ stopped: [], errors: [] });
    const named = await limited({}, { model: 'gpt-4o' });
    named.daemon.emit('session:spawned', session(nameless));
    await named.detach();
    expect(named.daemon.stopped).toEqual([]);
  });
});

test('the real daemon: runs before it is spawned, tells a failure with its error, has a session manager', async () => {
  const manager = new Daemon();
  const daemon = Object.assign(new EventEmitter(), { sessionManager: manager });
  const keeper = tracker({ defaultBudget: { hourly: 15_000 } });
  const detach = attachBudget(daemon, keeper, { model: 'gpt-5-mini' });

  const one = session({ model: undefined, startedAt: new Date(NOON) } as Partial<DaemonSession>);
  manager.emit('session:running', one);
  await eventually('a reservation', async () =>
    (await keeper.getUsageStats('orch')).activeReservations === 1 ? true : undefined,
  );
  const two = session();
  manager.emit('session:running', two);
  await eventually('the second to be stopped', () => (manager.stopped.length > 0 ? true : undefined));
  expect(manager.stopped).toEqual([two.id]);

  Object.assign(one, { status: 'failed', metrics: { tokensUsed: 1200, tasksCompleted: 0 } });
  manager.emit('session:failed', { session: one, error: new Error('no') });
  manager.emit('session:spawned', one);
  daemon.emit('session:spawned', one);
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({
    ...{ totalUsed: 1200, activeReservations: 0 },
    breakdown: { promptTokens: 0, completionTokens: 0, unattributedTokens: 1200 },
    topModels: [{ model: 'gpt-5-mini', tokens: 1200 }],
  });
});

test('a session that goes on after it was stopped is counted once, whole', async () => {
  const { daemon, keeper, detach } = await attached();
  const one = session({ startedAt: new Date(NOON) });
  daemon.emit('session:spawned', one);
  daemon.emit('session:stopped', used(one, 100, 0));
  daemon.emit('session:completed', used(one, 100, 50));
  daemon.emit('session:completed', one);
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 150, reservedTokens: 0 });
  expect(await keeper.getUsageHistory('orch')).toMatchObject([{ totalTokens: 50 }, { totalTokens: 100 }]);
});

test('a session that runs again is held for again, and only what it used since counts', async () => {
  const { daemon, keeper, detach } = await attached();
  const one = session();
  for (const total of [100, 250]) {
    one.status = 'running';
    daemon.emit('session:running', one);
    await eventually('a reservation', async () =>
      (await keeper.getUsageStats('orch')).activeReservations === 1 ? true : undefined,
    );
    one.status = 'completed';
    daemon.emit('session:completed', used(one, total, 0));
    daemon.emit('session:spawned', one);
  }
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 250, reservedTokens: 0 });
});

test('a daemon that tells of the start after the end, and of no state, starts nothing', async () => {
  const { daemon, keeper, detach } = await attached();
  const one = used(session({ status: undefined } as Partial<DaemonSession>), 10, 0);
  daemon.emit('session:completed', one);
  daemon.emit('session:spawned', one);
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 10, activeReservations: 0 });
});

test('two that hear the same session, in one process or in two, count it once', async () => {
  const shared = { memory: { name: 'drop-in-two' }, defaultBudget: { hourly: 50_000 } };
  const daemon = new Daemon();
  const keepers = [tracker(shared), tracker(shared)];
  const detach = keepers.map(keeper => attachBudget(daemon, keeper));
  const one = used(session({ startedAt: new Date(NOON) }), 600, 400);
  daemon.emit('session:spawned', one);
  daemon.emit('session:completed', one);
  await Promise.all(detach.map(letGo => letGo()));
  expect(await keepers[0]?.getUsageStats('orch')).toMatchObject({ totalUsed: 1000, reservedTokens: 0 });
});

test('ids that begin anew with a new daemon are other sessions', async () => {
  const { daemon, keeper, detach } = await attached();
  for (const total of [500, 500]) {
    const again = used(session({ id: 'session-1' }), total, 0);
    daemon.emit('session:spawned', again);
    daemon.emit('session:completed', again);
  }
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 1000, reservedTokens: 0 });
});

test('usage counts after the reservation has expired, and after it is forgotten', async () => {
  const clock = manualClock();
  const keeper = tracker({ lateSettleTTL: 1000, defaultBudget: { monthly: 100_000 } }, clock);
  const daemon = new Daemon();
  const errors: unknown[] = [];
  const detach = attachBudget(daemon, keeper, { reservationTTL: 5000, onError: error => errors.push(error) });
  const sessions = [session(), session()] as const;
  for (const one of sessions) daemon.emit('session:spawned', one);
  await eventually('both to be held', async () =>
    (await keeper.getUsageStats('orch', 'hourly')).activeReservations === 2 ? true : undefined,
  );
  clock.now += 5500;
  daemon.emit('session:completed', used(sessions[0], 10, 0));
  await eventually('the late settle', async () =>
    (await keeper.getUsageStats('orch', 'hourly')).totalUsed === 10 ? true : undefined,
  );
  clock.now += 5000;
  daemon.emit('session:completed', used(sessions[1], 20, 0));
  await detach();
  expect(await keeper.getUsageStats('orch', 'hourly')).toMatchObject({ totalUsed: 30, reservedTokens: 0 });
  expect(errors).toEqual([]);
});

test('where ending a reservation records nothing, the usage is tracked', async () => {
  const daemon = new Daemon();
  const keeper = tracker({ settle: 'release-only', defaultBudget: { hourly: 20_000 } });
  const detach = attachBudget(daemon, keeper);
  for (const more of [{}, { startedAt: new Date(NOON) }]) {
    const one = used(session(more), 5, 6);
    daemon.emit('session:spawned', one);
    daemon.emit('session:completed', one);
  }
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 22, reservedTokens: 0 });
});

test('an end whose start nobody heard is tracked; one that is told by its id alone is found', async () => {
  const { daemon, keeper, errors, detach } = await attached();
  daemon.emit('session:completed', used(session(), 40, 2));
  const one = session();
  daemon.emit('session:spawned', one, 'node-1');
  used(one, 7, 1);
  daemon.emit('session:terminated', one.id, 'node-1');
  daemon.emit('session:terminated', 'never heard of', 'node-1');
  await detach();
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 50, reservedTokens: 0 });
  expect(errors).toEqual([]);
});

test('10,000 running and 10,000 ended sessions are kept in mind; the oldest one is forgotten', async () => {
  const { daemon, keeper, detach } = await attached({ estimate: 1 }, { hourly: 1_000_000 });
  const sessions = Array.from({ length: 10_001 }, () => session());
  for (const one of sessions) daemon.emit('session:spawned', one);
  for (const one of sessions) daemon.emit('session:completed', used(one, 1, 0));
  await detach();
  // The first is forgotten as one that runs: its usage counts, and its token is held until it expires.
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 10_001, activeReservations: 1 });

  const again = attachBudget(daemon, keeper);
  for (const one of sessions) daemon.emit('session:completed', one);
  for (const one of [sessions.at(-1), sessions[0]])
    daemon.emit('session:completed', used(one as DaemonSession, 3, 0));
  await again();
  // The last one used 2 more; the first one's 3 are new, for all that is known.
  expect((await keeper.getUsageStats('orch')).totalUsed).toBe(2 * 10_001 + 2 + 3);
});

test('what fails is told, and nothing else breaks', async () => {
  const told: [unknown, string | undefined][] = [];
  const keeper = tracker({ defaultBudget: { hourly: 100 } });
  const daemon = new Daemon();
  daemon.stopSession = async () => {
    throw new Error('cannot be stopped');
  };
  const detach = attachBudget(daemon, keeper, {
    estimate: one => (one.model === 'odd' ? Number.NaN : 1000),
    onRefused: () => {
      throw new Error('onRefused');
    },
    onError: async (error, one) => {
      told.push([error, one?.id]);
      throw new Error('onError fails as well');
    },
  });
  const odd = session({ model: 'odd' });
  const large = session();
  const strange = session({ metrics: { tokensUsed: -1 } });
  for (const one of [odd, large, strange]) daemon.emit('session:spawned', one);
  daemon.emit('session:completed', strange);
  daemon.emit('session:spawned', null);
  daemon.emit('session:spawned', { id: 'nobody' });
  await detach();
  const found = told.map(([error, id]) => [(error as { field?: string }).field ?? String(error), id]);
  expect(found.sort()).toEqual(
    [
      ['session.metrics.tokensUsed', strange.id],
      ['session', undefined],
      ['session.orchestratorId', undefined],
      ['options.estimate', odd.id],
      ['Error: onRefused', large.id],
      ['Error: cannot be stopped', large.id],
    ].sort(),
  );
  expect(await keeper.getUsageStats('orch')).toMatchObject({ totalUsed: 0, reservedTokens: 0 });
});

test('without onError the tracker tells, when somebody listens', async () => {
  const { daemon, keeper, detach } = await attached({ onError: undefined });
  daemon.emit('session:spawned', null);
  const errors = heard(keeper, 'error');
  daemon.emit('session:spawned', null);
  await detach();
  expect(errors).toEqual([[expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'session' })]]);
});

test('after detach nothing is heard, and the daemon has no listener of ours', async () => {
  const { daemon, keeper, detach } = await attached();
  await detach();
  await detach();
  daemon.emit('session:spawned', session());
  expect(daemon.eventNames()).toEqual([]);
  expect(keeper.listenerCount('reservation:released')).toBe(0);
  expect(await keeper.getUsageStats('orch')).toMatchObject({ activeReservations: 0 });
  await attachBudget(daemon, keeper)();
});

test.each([
  ['daemon', [null, 'tracker']],
  ['daemon', [{ on() {} }, 'tracker']],
  ['daemon', [new EventEmitter(), 'tracker']],
  ['tracker', [new Daemon(), {}]],
  ['options.estimate', [new Daemon(), 'tracker', { estimate: 1.5 }]],
  ['options.period', [new Daemon(), 'tracker', { period: 'weekly' }]],
  ['options.period', [new Daemon(), 'tracker', { period: [] }]],
  ['options.mode', [new Daemon(), 'tracker', { mode: 'hold' }]],
  ['options.model', [new Daemon(), 'tracker', { model: 7 }]],
  ['options.reservationTTL', [new Daemon(), 'tracker', { reservationTTL: 0 }]],
  ['options.sessions', [new Daemon(), 'tracker', { sessions: {} }]],
  ['options.stop', [new Daemon(), 'tracker', { stop: true }]],
  ['options.onError', [new Daemon(), 'tracker', { onError: 1 }]],
  ['options.estimates', [new Daemon(), 'tracker', { estimates: 1 }]],
])('%s is refused', (field, [daemon, given, options]) => {
  const keeper = given === 'tracker' ? tracker() : given;
  const attach = () => attachBudget(daemon as never, keeper as never, options as never);
  expect(attach).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
});

test('a tracker is attached to a daemon once', async () => {
  const { daemon, keeper, detach } = await attached();
  expect(() => attachBudget(daemon, keeper)).toThrow(expect.objectContaining({ field: 'daemon' }));
  await detach();
});
