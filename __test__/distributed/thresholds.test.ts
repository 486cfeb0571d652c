/** Limits, overrides and thresholds are one state for all processes. */
import type { BudgetCheck, BudgetInForce, BudgetThresholdEvent } from '@wundr.io/token-budget';
import {
  endProcesses,
  type HeardEvent,
  later,
  openProcesses,
  type RemoteProcess,
  usage,
  withinOneHour,
} from '../support/fleet';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const PROCESSES = 8;
const FRACTIONS = [0.125, 0.5, 0.755, 1, 1.5];
const EVENTS = ['threshold:12.5', 'threshold:50', 'threshold:75.5', 'threshold:100', 'threshold:150'];

beforeAll(() => withinOneHour(60_000), 70_000);

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster'])('on %s', topology => {
  let store: TestStore;
  let processes: RemoteProcess[] = [];

  const config = (broadcast: boolean) => ({
    defaultBudget: { hourly: 16_000, daily: 32_000, monthly: 160_000 },
    thresholds: FRACTIONS,
    broadcast,
    commandTimeout: 10_000,
    redis: { ...store.redis, keyPrefix: broadcast ? 'told-to-all' : 'orchestrator' },
  });

  beforeAll(async () => {
    store = await startStore(topology);
    processes = await openProcesses(PROCESSES, config(false));
    await Promise.all(processes.map(one => one.call('ready')));
  }, 60_000);

  afterAll(async () => {
    await endProcesses(processes);
    await store.stop();
  });

  const one = (index: number) => processes[index] as RemoteProcess;

  const trackFromAll = (fleet: RemoteProcess[], orchestratorId: string, each: number, tokens: number) =>
    Promise.all(
      fleet.map(member =>
        member
          .all(Array.from({ length: each }, () => ['trackUsage', usage(orchestratorId, tokens)] as const))
          .then(outcomes => expect(outcomes.filter(({ code }) => code !== undefined)).toEqual([])),
      ),
    );

  const about = (events: HeardEvent[], orchestratorId: string) =>
    events
      .filter(({ name, args }) => name.startsWith('threshold:') && args[0].orchestratorId === orchestratorId)
      .map(({ name, args }) => [name, args[0].period] as const);

  const tellings = async (orchestratorId: string) =>
    (await Promise.all(processes.map(async member => about(await member.heard(), orchestratorId)))).flat();

  const inOrder = (list: readonly (readonly [string, string])[]) => list.map(String).sort();

  test('8 processes, custom fractions: each crossing is told once, by one of them', async () => {
    // 25,600 tokens: hourly up to 160 %, daily up to 80 %, monthly up to 16 %.
    await trackFromAll(processes, 'crossed', 320, 10);
    expect(inOrder(await tellings('crossed'))).toEqual(
      inOrder([
        ...EVENTS.map(name => [name, 'hourly'] as const),
        ...EVENTS.slice(0, 3).map(name => [name, 'daily'] as const),
        ['threshold:12.5', 'monthly'],
      ]),
    );
    const exceeded = (await Promise.all(processes.map(member => member.heard('budget:exceeded')))).flat();
    expect(exceeded.map(({ args }) => args[0].threshold).sort()).toEqual([1, 1.5]);
    const first = (await Promise.all(processes.map(member => member.heard('threshold:50')))).flat();
    const event = first.find(({ args }) => args[0].period === 'hourly')?.args[0] as BudgetThresholdEvent;
    expect(event).toMatchObject({ threshold: 0.5, limit: 16_000 });
    // The crossing itself, not a state found later.
    expect(event.currentUsage).toBe(8000);
  });

  test('more usage above a threshold tells nothing more; falling below arms it anew, for all', async () => {
    await one(0).track('armed', 9000);
    await trackFromAll(processes, 'armed', 5, 1);
    const hourly = async () => (await tellings('armed')).filter(([, period]) => period === 'hourly');
    expect(inOrder(await hourly())).toEqual(
      inOrder([
        ['threshold:12.5', 'hourly'],
        ['threshold:50', 'hourly'],
      ]),
    );
    // A greater limit lowers the level; the next record notes it.
    await one(1).call('setBudget', 'armed', { hourly: 160_000 });
    await one(2).track('armed', 1);
    await one(3).call('setBudget', 'armed', { hourly: 16_000 });
    await trackFromAll(processes, 'armed', 5, 1);
    expect(inOrder(await hourly())).toEqual(
      inOrder([
        ['threshold:12.5', 'hourly'],
        ['threshold:12.5', 'hourly'],
        ['threshold:50', 'hourly'],
        ['threshold:50', 'hourly'],
      ]),
    );
  });

  test('an override lifts the limit of its own window, at once and for every process', async () => {
    for (const [period, limit] of [
      ['hourly', 16_000],
      ['daily', 32_000],
      ['monthly', 160_000],
    ] as const) {
      const id = `override-${period}`;
      await one(0).track(id, 15_900);
      const before = (await tellings(id)).length;
      await one(1).call('setBudgetOverride', {
        id: 'more',
        orchestratorId: id,
        period,
        additionalTokens: 1_000_000,
        reason: 'r',
        expiresAt: later(600_000),
        createdBy: 'c',
      });
      const checks = await Promise.all(
        processes.map(member => member.call<BudgetCheck>('checkBudget', id, 1, period)),
      );
      expect(checks.map(check => check.limit)).toEqual(Array(PROCESSES).fill(limit + 1_000_000));
      // Far past every threshold of the base limit, and below the first of the lifted one.
      await one(2).track(id, 90_000);
      const names = (await tellings(id)).slice(before);
      expect(names.filter(([, where]) => where === period)).toEqual([]);
      expect(await one(3).call('removeOverride', id, 'more')).toBe(true);
      const after = await Promise.all(
        processes.map(member => member.call<BudgetCheck>('checkBudget', id, 1, period)),
      );
      expect(after.map(check => check.limit)).toEqual(Array(PROCESSES).fill(limit));
    }
  });

  test('an override ends at its instant, for every process', async () => {
    await one(0).call('setBudgetOverride', {
      orchestratorId: 'short',
      period: 'hourly',
      additionalTokens: 500,
      reason: 'r',
      expiresAt: later(1500),
      createdBy: 'c',
    });
    const fits = () =>
      Promise.all(processes.map(member => member.call<BudgetCheck>('checkBudget', 'short', 16_500)));
    expect((await fits()).every(({ allowed }) => allowed)).toBe(true);
    await eventually('the end of the override', async () =>
      (await fits()).every(({ allowed }) => !allowed) ? true : undefined,
    );
    expect(await one(5).call('listOverrides', 'short')).toEqual([]);
  });

  test('setBudget in one process holds in the next call of every other', async () => {
    for (let limit = 1; limit <= 5; limit++) {
      await one(limit).call('setBudget', 'set', { hourly: limit });
      const seen = await Promise.all(processes.map(member => member.call<BudgetInForce>('getBudget', 'set')));
      expect(seen).toEqual(Array(PROCESSES).fill(expect.objectContaining({ base: { hourly: limit } })));
      const checks = await Promise.all(
        processes.map(member => member.call<BudgetCheck>('checkBudget', 'set', limit + 1)),
      );
      expect(checks.some(({ allowed }) => allowed)).toBe(false);
    }
    await one(0).call('setBudget', 'set', null);
    expect(await one(7).call('getBudget', 'set')).toMatchObject({ source: 'configured' });
  });

  test('clearThresholdCache in one process arms the thresholds of all', async () => {
    await one(0).track('cleared', 8500);
    await one(1).track('cleared', 1);
    expect((await tellings('cleared')).filter(([name]) => name === 'threshold:50')).toHaveLength(1);
    await one(2).call('clearThresholdCache', 'cleared', 'hourly');
    await trackFromAll(processes, 'cleared', 3, 1);
    const told = await tellings('cleared');
    expect(told.filter(([name, period]) => name === 'threshold:50' && period === 'hourly')).toHaveLength(2);
    expect(told.filter(([name, period]) => name === 'threshold:12.5' && period === 'daily')).toHaveLength(1);
  });

  test('with broadcast every process hears each crossing exactly once', async () => {
    const fleet = await openProcesses(4, config(true));
    try {
      await Promise.all(fleet.map(member => member.call('ready')));
      // Subscribing follows connecting: heard once, heard from then on.
      await eventually('every process to listen', async () => {
        const heard = await Promise.all(fleet.map(member => member.heard('threshold:50')));
        if (heard.every(({ length }) => length > 0)) return true;
        const id = `probe-${Math.random()}`;
        await (fleet[0] as RemoteProcess).track(id, 9000);
        return undefined;
      });
      await trackFromAll(fleet, 'everybody', 640, 10);
      // 25,600 tokens; the last crossing is the hourly 150 %.
      const expected = inOrder([
        ...EVENTS.map(name => [name, 'hourly'] as const),
        ...EVENTS.slice(0, 3).map(name => [name, 'daily'] as const),
        ['threshold:12.5', 'monthly'],
      ]);
      for (const member of fleet) {
        const heard = await eventually('all crossings', async () => {
          const told = about(await member.heard(), 'everybody');
          return told.length >= expected.length ? told : undefined;
        });
        expect(inOrder(heard)).toEqual(expected);
      }
    } finally {
      await endProcesses(fleet);
    }
  });
});
