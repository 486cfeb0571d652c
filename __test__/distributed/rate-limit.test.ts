/** One limiter for many processes: never more than the limit, first come first served, nothing lost with the dead. */
import {
  endLimiters,
  type GrantedPermit,
  type LimiterProcess,
  mostInAnyWindow,
  openLimiter,
  openLimiters,
} from '../support/limiters';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const PROCESSES = 8;
const BASE = { pacing: false, safety: { margin: 0 }, commandTimeout: 10_000 } as const;
const SECOND_MS = 1000;

describe.each<Topology>(['standalone', 'standalone, I/O thread', 'cluster', 'sentinel'])(
  'on %s',
  topology => {
    let store: TestStore;
    let processes: LimiterProcess[] = [];

    beforeAll(async () => {
      store = await startStore(topology);
    }, 60_000);

    afterEach(async () => {
      await endLimiters(processes);
      processes = [];
    });

    afterAll(() => store.stop());

    const open = async (count: number, name: string, config: object) => {
      processes = await openLimiters(count, { ...BASE, name, redis: store.redis, ...config });
      await Promise.all(processes.map(one => one.call('ready')));
      return processes;
    };

    test('8 processes on one limit: no rolling second has more, and all of them get on', async () => {
      const limits = { rps: 60, itpm: 10_000_000, otpm: 10_000_000 };
      const all = await open(PROCESSES, 'rolling', { limits });
      const forMs = 5 * SECOND_MS;
      const load = {
        lanes: 4,
        untilMs: Date.now() + forMs,
        options: { inputTokens: 10, maxOutputTokens: 5 },
      };
      const granted = (await Promise.all(all.map(one => one.run(load)))).map(grants =>
        grants.filter(({ code }) => code === undefined),
      );
      const entries = granted.flat().map(({ admittedAtMs }) => ({ atMs: admittedAtMs, amount: 1 }));
      expect(mostInAnyWindow(entries, SECOND_MS)).toBe(limits.rps);
      expect(new Set(granted.flat().map(({ id }) => id)).size).toBe(entries.length);
      // Five windows and the one that begins with the load. A busy machine keeps processes from their turns; how much
      // of a limit can be used is shown by the replay of traffic.
      expect(entries.length).toBeGreaterThan(0.5 * 5 * limits.rps);
      for (const grants of granted) expect(grants.length).toBeGreaterThan(entries.length / PROCESSES / 3);
    }, 30_000);

    test('tokens and requests are taken together or not at all, in all processes', async () => {
      const limits = { rps: 1000, itpm: 900, otpm: 100_000, concurrent: 5 };
      const all = await open(PROCESSES, 'together', { limits });
      const outcomes = await Promise.all(
        all.flatMap(one =>
          Array.from({ length: 10 }, () =>
            one.acquire({ inputTokens: 100, maxOutputTokens: 10, maxWaitMs: 300 }).then(
              () => 'granted',
              error => error.code as string,
            ),
          ),
        ),
      );
      // Five at once, and nobody settles.
      expect(outcomes.filter(outcome => outcome === 'granted')).toHaveLength(5);
      expect(outcomes.filter(outcome => outcome === 'RATE_LIMITED')).toHaveLength(75);
      // Who gives up does not wait until the store knows.
      const { limits: used, underWay } = await eventually('an empty line', async () => {
        const status = await (all[0] as LimiterProcess).call<{
          limits: Record<string, { used: number }>;
          underWay: number;
          waiting: number;
        }>('getStatus');
        return status.waiting === 0 ? status : undefined;
      });
      expect(underWay).toBe(5);
      expect(used).toMatchObject({
        rps: {},
        itpm: { used: 500 },
        otpm: { used: 50 },
        concurrent: { used: 5 },
      });
    }, 30_000);

    test('first come, first served across processes; critical before all others', async () => {
      const [a, b, c] = (await open(3, 'line', { limits: { concurrent: 1 } })) as [
        LimiterProcess,
        LimiterProcess,
        LimiterProcess,
      ];
      const first = await a.acquire();
      const order: [LimiterProcess, string, object][] = [
        [b, 'first', {}],
        [c, 'second', {}],
        [a, 'third', {}],
        [c, 'low', { priority: 'low' }],
        [b, 'critical', { priority: 'critical' }],
      ];
      const waiting = () => a.call<{ waiting: number }>('getStatus').then(status => status.waiting);
      for (const [index, [one, name, options]] of order.entries()) {
        await one.begin(name, options);
        await eventually('it waits', async () => (await waiting()) === index + 1 || undefined);
      }
      await a.settle(first.id, { inputTokens: 0, outputTokens: 0 });
      const seen: GrantedPermit[] = [];
      for (const _ of order) {
        const next = await eventually('the next grant', async () => {
          const all = (await Promise.all([a, b, c].map(one => one.granted()))).flat();
          return all.find(({ id }) => !seen.some(known => known.id === id));
        });
        seen.push(next);
        await a.call('settle', next.id, { inputTokens: 0, outputTokens: 0 });
      }
      expect(seen.map(({ name }) => name)).toEqual(['critical', 'first', 'second', 'third', 'low']);
    }, 30_000);

    test('what a killed process held and where it stood returns; what it used stays counted', async () => {
      const config = { limits: { concurrent: 2, rpm: 100 }, clientLease: 1000 };
      const [survivor, killed] = (await open(2, 'killed', config)) as [LimiterProcess, LimiterProcess];
      await killed.acquire();
      await killed.acquire();
      await killed.begin('in the line');
      await eventually('it waits', async () =>
        (await survivor.call<{ waiting: number }>('getStatus')).waiting === 1 ? true : undefined,
      );
      await survivor.begin('behind it');
      await killed.worker.kill();
      const [grant] = await eventually(
        'the permit of the survivor',
        async () => {
          const granted = await survivor.granted();
          return granted.length > 0 ? granted : undefined;
        },
        { timeoutMs: 4000 },
      );
      expect(grant).toMatchObject({ name: 'behind it' });
      const status = await survivor.call<{ limits: { rpm: { used: number } }; underWay: number }>(
        'getStatus',
      );
      expect(status).toMatchObject({ underWay: 1, waiting: 0, limits: { rpm: { used: 3 } } });
    }, 30_000);

    test('shares of a killed process end; limits set by one are those of all', async () => {
      const config = { limits: { rpm: 100 }, clientLease: 1000 };
      const [survivor, killed] = (await open(2, 'shares', config)) as [LimiterProcess, LimiterProcess];
      expect(await killed.call('allocate', 'agent', 0.6)).toBe(true);
      expect(await survivor.call('allocate', 'other', 0.6)).toBe(false);
      await killed.call('setLimits', { rpm: 7 });
      expect(await survivor.call('getLimits')).toEqual({ rpm: 7 });
      await killed.worker.kill();
      await eventually('the share is free', async () =>
        (await survivor.call<boolean>('allocate', 'other', 0.6)) ? true : undefined,
      );
    }, 30_000);

    test('shares of a process that stood still are given again, unless others have them', async () => {
      const config = { limits: { rpm: 100 }, clientLease: 1000 };
      const [awake, asleep] = (await open(2, 'asleep', config)) as [LimiterProcess, LimiterProcess];
      expect(await asleep.call('allocate', 'agent', 0.6)).toBe(true);
      expect(await asleep.call('allocate', 'small', 0.2)).toBe(true);
      expect(await asleep.call('allocate', 'handed', 0.1)).toBe(true);
      expect(await asleep.call('allocate', 'taken', 0.05)).toBe(true);
      process.kill(asleep.worker.pid, 'SIGSTOP');
      expect(await awake.call('handoff', 'handed', 'heir')).toBe(true);
      expect(await awake.call('allocate', 'taken', 0)).toBe(true);
      await eventually('the share is free', async () =>
        (await awake.call<boolean>('allocate', 'other', 0.7)) ? true : undefined,
      );
      process.kill(asleep.worker.pid, 'SIGCONT');
      const [warning] = await asleep.hears('store:warning');
      expect(JSON.stringify(warning)).toMatch(/the shares it gave have ended.*'agent'.*'handed'.*'taken'/);
      const { agents } = await awake.call<{ agents: { agent: string; share: number }[] }>('getStatus');
      expect(agents.slice(1)).toMatchObject([
        { agent: 'heir', share: 0.1 },
        { agent: 'other', share: 0.7 },
        { agent: 'small', share: 0.2 },
      ]);
    }, 30_000);

    test('shares outlive a store that is emptied', async () => {
      const [one] = (await open(1, 'forgets', { limits: { rpm: 100 }, clientLease: 900 })) as [
        LimiterProcess,
      ];
      expect(await one.call('allocate', 'agent', 0.6)).toBe(true);
      for (const server of store.servers) await server.command('FLUSHALL').catch(() => {});
      await eventually('the share is there again', async () => {
        const { agents } = await one.call<{ agents: object[] }>('getStatus');
        return agents.length === 2 ? true : undefined;
      });
    }, 30_000);

    test('who waits when the store is emptied lines up again', async () => {
      const [a, b] = (await open(2, 'emptied', { limits: { concurrent: 1 }, clientLease: 900 })) as [
        LimiterProcess,
        LimiterProcess,
      ];
      await a.acquire();
      await b.begin('waits');
      await eventually('it waits', async () =>
        (await a.call<{ waiting: number }>('getStatus')).waiting === 1 ? true : undefined,
      );
      for (const server of store.servers) await server.command('FLUSHALL').catch(() => {});
      const granted = await eventually('a permit', async () => {
        const all = await b.granted();
        return all.length > 0 ? all : undefined;
      });
      expect(granted).toMatchObject([{ name: 'waits' }]);
    }, 30_000);
  },
);

describe.each<Topology>(['standalone', 'cluster'])('with lost replies, on %s', topology => {
  let store: TestStore;
  let one: LimiterProcess;
  const NAME = 'lossy';

  beforeAll(async () => {
    store = await startStore(topology, { proxied: true });
    one = await openLimiter({ ...BASE, name: NAME, limits: { rpm: 100, itpm: 1000 }, redis: store.redis });
    await one.call('ready');
  }, 60_000);

  afterAll(async () => {
    await endLimiters([one]);
    await store.stop();
  });

  async function losing<T>(operation: () => Promise<T>): Promise<T> {
    const key = topology === 'cluster' ? `orchestrator:rate:{${NAME}}:state` : '';
    const owner = await store.cluster?.primaryOf(key);
    const proxy = owner?.proxy ?? store.proxies[0];
    if (proxy === undefined) throw new Error('no proxy');
    const lost = proxy.dropReplyTo(NAME);
    const answer = await operation();
    await lost;
    return answer;
  }

  test('acquire, settle and cancel are each done once', async () => {
    const used = async () => {
      const status = await one.call<{ limits: Record<string, { used: number }>; underWay: number }>(
        'getStatus',
      );
      return { rpm: status.limits.rpm?.used, itpm: status.limits.itpm?.used, underWay: status.underWay };
    };
    const permit = await losing(() => one.acquire({ inputTokens: 100 }));
    expect(await used()).toEqual({ rpm: 1, itpm: 100, underWay: 1 });
    await losing(() => one.settle(permit.id, { inputTokens: 30, outputTokens: 1 }));
    expect(await used()).toEqual({ rpm: 1, itpm: 30, underWay: 0 });
    const other = await one.acquire({ inputTokens: 100 });
    expect(await losing(() => one.cancel(other.id))).toBe(true);
    expect(await used()).toEqual({ rpm: 1, itpm: 30, underWay: 0 });
  }, 30_000);
});
