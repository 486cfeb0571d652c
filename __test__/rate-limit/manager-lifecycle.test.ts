/** The end of a limiter, and of processes that have one. */
import { resolve } from 'node:path';
import type { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { rejection } from '../facade/helpers';
import { start } from '../support/system';
import { acquireMany, advance, fateOf, NOTHING, plain, used, useFakeTime } from './helpers';

const ENTRY = JSON.stringify(resolve(__dirname, '../../dist/rate-limit.js'));

describe('close', () => {
  useFakeTime();

  test('sends home who waits in the line, and who cools down', async () => {
    const manager = plain({ rpm: 1 });
    await manager.acquire();
    manager.coolDownSession('s', 90_000);
    const fates = [{}, { priority: 'critical' as const }, { sessionId: 's' }, { maxWaitMs: 80_000 }].map(
      options => fateOf(manager.acquire(options)),
    );
    await advance(1_000);
    expect(fates.some(({ isOver }) => isOver)).toBe(false);
    await manager.close();
    await advance(0);
    for (const { error } of fates) expect(error).toMatchObject({ code: 'CLOSED' });
    expect(jest.getTimerCount()).toBe(0);
  });

  test('who is aborted or sent home while the clock throws hears of it all the same', async () => {
    let isBroken = false;
    const clock = () => {
      if (isBroken) throw new Error('no time');
      return Date.now();
    };
    const manager = plain({ rpm: 1 }, { clock });
    await manager.acquire();
    const controller = new AbortController();
    const [aborted, waiting] = [
      fateOf(manager.acquire({ signal: controller.signal })),
      fateOf(manager.acquire()),
    ];
    await advance(0);
    isBroken = true;
    controller.abort(new Error('enough'));
    await manager.close();
    await advance(0);
    expect(aborted.error).toMatchObject({ message: 'enough' });
    expect(waiting.error).toMatchObject({ code: 'CLOSED' });
  });

  test('gives up the places, and leaves other holders of the store alone', async () => {
    const memory = { name: 'close' };
    const [one, other] = [plain({ rpm: 1 }, { memory }), plain({ rpm: 1 }, { memory })];
    await one.acquire();
    const [gone, stays] = [fateOf(one.acquire()), fateOf(other.acquire())];
    await one.close();
    await advance(0);
    expect(gone.error).toMatchObject({ code: 'CLOSED' });
    expect((await other.getStatus()).waiting).toBe(1);
    await advance(61_100);
    expect(stays.isOver).toBe(true);
    expect((await used(other)).rpm).toBe(1);
  });

  test('is idempotent, and health says so', async () => {
    const manager = plain({ rpm: 1 });
    expect(await manager.healthCheck()).toBe(true);
    await manager.ready();
    const closing = manager.close();
    expect(manager.close()).toBe(closing);
    await closing;
    await manager[Symbol.asyncDispose]();
    expect(await manager.healthCheck()).toBe(false);
  });

  test.each<[string, (manager: RateLimitManager) => Promise<unknown>]>([
    ['canMakeRequest', manager => manager.canMakeRequest()],
    ['acquire', manager => manager.acquire()],
    ['tryAcquire', manager => manager.tryAcquire()],
    ['run', manager => manager.run({}, async () => ({ result: 1, usage: NOTHING }))],
    ['settle', manager => manager.settle('id', NOTHING)],
    ['cancel', manager => manager.cancel('id')],
    ['observe', manager => manager.observe({})],
    ['getLimits', manager => manager.getLimits()],
    ['setLimits', manager => manager.setLimits(null)],
    ['allocate', manager => manager.allocate('a', 1)],
    ['handoff', manager => manager.handoff('a', 'b')],
    ['pause', manager => manager.pause()],
    ['resume', manager => manager.resume()],
    ['getStatus', manager => manager.getStatus()],
    ['forecast', manager => manager.forecast()],
    ['estimateOutputTokens', manager => manager.estimateOutputTokens('m')],
    ['saveState', manager => manager.saveState()],
    ['restoreState', manager => manager.restoreState({} as never)],
    ['ready', manager => manager.ready()],
  ])('%s rejects after it', async (_name, call) => {
    const manager = plain({ rpm: 1 });
    await manager.close();
    expect(await rejection(call(manager))).toMatchObject({ code: 'CLOSED' });
  });

  test('what this process counted can still be read', async () => {
    const manager = plain({ rpm: 5 });
    await acquireMany(manager, 2, { sessionId: 's' });
    await manager.close();
    expect(manager.metrics().requests.admitted).toBe(2);
    expect(manager.getSessions()).toHaveLength(1);
    expect(manager.prometheus()).toContain('requests_admitted_total{limiter="default"} 2');
  });
});

describe('a process', () => {
  async function run(body: string): Promise<{ code: number | string; output: string }> {
    const script = `const { RateLimitManager } = require(${ENTRY}); (async () => { ${body} })();`;
    const child = await start(process.execPath, ['-e', script]);
    const code = await child.ended;
    return { code, output: child.output() };
  }

  test('ends by itself with a permit that is held', async () => {
    const { code, output } = await run(`
      const manager = new RateLimitManager();
      const permit = await manager.acquire({ model: 'm', sessionId: 's' });
      console.log(permit.isEnded);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'false\n' });
  });

  test('stays for who waits', async () => {
    const { code, output } = await run(`
      const manager = new RateLimitManager({ limits: { rpm: 300 }, pacing: { margin: 0 } });
      const [first, , third] = await Promise.all([1, 2, 3].map(() => manager.acquire()));
      console.log(third.admittedAt - first.admittedAt >= 400);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true\n' });
  });

  test('can close a limiter whose store was never there', async () => {
    const { code, output } = await run(`
      const redis = { host: '127.0.0.1', port: 1 };
      const manager = new RateLimitManager({ redis, onStoreError: 'allow', commandTimeout: 200 });
      const permit = await manager.acquire({ model: 'm' });
      await permit.settle({ inputTokens: 1, outputTokens: 1 });
      await manager.close({ timeout: 200 });
      console.log(permit.isUnheld);
    `);
    expect({ code, output }).toEqual({ code: 0, output: 'true\n' });
  });

  test('ends by itself when nothing was ever asked', async () => {
    const { code, output } = await run(
      'new RateLimitManager(); new RateLimitManager().on("error", () => {});',
    );
    expect({ code, output }).toEqual({ code: 0, output: '' });
  });
});
