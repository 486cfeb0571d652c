/** The breakers of many processes are one: it opens for all, and one of them probes. */
import { runProcess, type WorkerProcess } from '../support/process';
import { startStore, type TestStore, type Topology } from '../support/stores';
import { eventually } from '../support/system';

const PROCESSES = 8;

interface View {
  state: string;
  failures: number;
  calls: number;
}

let store: TestStore;
let services = 0;
const workers: WorkerProcess[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map(worker => worker.kill()));
});
afterAll(() => store?.stop());

/** A service that no other test has, and processes that call it. */
async function open(count: number, options: object): Promise<WorkerProcess[]> {
  services += 1;
  const service = `service ${services}`;
  const opened = Array.from({ length: count }, () => runProcess('breaker.cjs'));
  workers.push(...opened);
  const given = { redis: store.redis, commandTimeout: 10_000, ...options };
  await Promise.all(opened.map(worker => worker.call('open', { service, options: given })));
  return opened;
}

const views = (all: readonly WorkerProcess[]) => Promise.all(all.map(one => one.call<View>('view')));
const callsOf = async (all: readonly WorkerProcess[]) =>
  (await views(all)).reduce((sum, { calls }) => sum + calls, 0);

const allAre = (state: string, all: readonly WorkerProcess[]) =>
  eventually(`all are ${state}`, async () =>
    (await views(all)).every(view => view.state === state) ? true : undefined,
  );

const at = (all: readonly WorkerProcess[], index: number) => all[index] as WorkerProcess;

describe.each<Topology>(['standalone', 'cluster'])('on %s', topology => {
  beforeAll(async () => {
    await store?.stop();
    store = await startStore(topology);
  }, 60_000);

  test('5 failures spread over 8 processes open it for all', async () => {
    const all = await open(PROCESSES, { threshold: 5, resetAfter: '10m' });
    for (let index = 0; index < 4; index++) await at(all, index).call('fail');
    expect((await views(all)).every(({ state }) => state === 'CLOSED')).toBe(true);
    await at(all, 4).call('fail');
    await allAre('OPEN', all);
    const before = await callsOf(all);
    const ended = await Promise.all(all.map(one => one.call('succeed')));
    expect(ended).toEqual(Array(PROCESSES).fill('CIRCUIT_OPEN'));
    expect(await callsOf(all)).toBe(before);
    // A process that starts later knows before its first call.
    const late = runProcess('breaker.cjs');
    workers.push(late);
    const options = { redis: store.redis, threshold: 5 };
    expect(await late.call('open', { service: `service ${services}`, options })).toMatchObject({
      state: 'OPEN',
    });
  }, 60_000);

  test('a success in one process ends the failures of the others', async () => {
    const all = await open(3, { threshold: 3 });
    for (let round = 0; round < 3; round++) {
      await at(all, 0).call('fail');
      await at(all, 1).call('fail');
      await eventually('the third has heard', async () =>
        (await at(all, 2).call<View>('view')).failures > 0 ? true : undefined,
      );
      await at(all, 2).call('succeed');
      await eventually('all have heard', async () =>
        (await views(all)).every(({ failures }) => failures === 0) ? true : undefined,
      );
    }
    await allAre('CLOSED', all);
  }, 60_000);

  test('one probe of all processes, however many call at once', async () => {
    const all = await open(PROCESSES, { threshold: 1, resetAfter: 300 });
    await at(all, 0).call('fail');
    await allAre('OPEN', all);
    for (const succeeds of [false, true]) {
      const before = await callsOf(all);
      // Calls of all processes until one was let through: it takes long enough for every other to have asked.
      const ended = await eventually('a probe', async () => {
        const outcomes = await Promise.all(
          all.map(one => one.call<string[]>('together', { count: 20, tookMs: 1500, succeeds })),
        );
        const flat = outcomes.flat();
        return flat.some(outcome => outcome !== 'CIRCUIT_OPEN') ? flat : undefined;
      });
      if (succeeds) {
        // Whoever came after the probe had ended found it closed.
        expect(ended).toContain('up');
        await allAre('CLOSED', all);
      } else {
        const made = (await callsOf(all)) - before;
        expect(ended.filter(outcome => outcome === 'down')).toHaveLength(made);
        expect(made).toBe(1);
        await allAre('OPEN', all);
      }
    }
  }, 60_000);

  test('when the prober is killed, another probes after its time', async () => {
    const all = await open(3, { threshold: 1, resetAfter: 100, probeTimeout: 1500 });
    await at(all, 0).call('fail');
    await allAre('OPEN', all);
    await eventually('the first probes', async () => {
      await at(all, 0).call('hang');
      return (await at(all, 0).call<View>('view')).calls > 1 ? true : undefined;
    });
    const survivors = all.slice(1);
    await allAre('HALF_OPEN', survivors);
    await at(all, 0).kill('SIGKILL');
    await eventually('another is let through', async () =>
      (await at(all, 1).call('succeed')) === 'up' ? true : undefined,
    );
    await allAre('CLOSED', survivors);
  }, 60_000);
});
