/** What is wrong is refused, and named. */
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { rejection } from '../facade/helpers';
import { NOTHING, plain, used, useFakeTime } from './helpers';

useFakeTime();

const lone = '\uD800';

test.each<[string, unknown]>([
  ['config', null],
  ['config', 'rpm: 50'],
  ['rpm', { rpm: 50 }],
  ['name', { name: '' }],
  ['name', { name: 7 }],
  ['limits', { limits: 50 }],
  ['limits', { limits: [50] }],
  ['limits.rpm', { limits: { rpm: '50' } }],
  ['limits.itpm', { limits: { itpm: -1 } }],
  ['limits.otpm', { limits: { otpm: 0.5 } }],
  ['limits.concurrent', { limits: { concurrent: Number.NaN } }],
  ['limits.rpy', { limits: { rpy: 1 } }],
  ['safety', { safety: 0.15 }],
  ['safety.margin', { safety: { margin: 1 } }],
  ['safety.margin', { safety: { margin: '15 %' } }],
  ['safety.cooldown', { safety: { cooldown: -1 } }],
  ['safety.maxCooldown', { safety: { maxCooldown: Infinity } }],
  ['safety.coolDown', { safety: { coolDown: 1 } }],
  ['pacing', { pacing: 'on' }],
  ['pacing.margin', { pacing: { margin: -0.1 } }],
  ['pacing.pause', { pacing: { pause: 1 } }],
  ['permitTTL', { permitTTL: 0 }],
  ['clientLease', { clientLease: 99 }],
  ['maxWaiting', { maxWaiting: -1 }],
  ['onStoreError', { onStoreError: 'ignore' }],
  ['adoptLimits', { adoptLimits: 1 }],
  ['outputQuantile', { outputQuantile: 0.4 }],
  ['outputQuantile', { outputQuantile: 1 }],
  ['memory', { memory: { name: 'm' }, redis: {} }],
  ['memory.name', { memory: { name: '' } }],
  ['clock', { clock: 12 }],
  ['clock', { clock: Date.now, redis: {} }],
  ['redis.port', { redis: { port: 0 } }],
])('the constructor names %s: %j', (field, config) => {
  const make = () => new RateLimitManager(config as never);
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', field }));
  expect(make).toThrow(new RegExp(`^${field.replaceAll('.', '\\.')}: expected `));
});

type Call = (manager: RateLimitManager & Record<string, (...args: unknown[]) => Promise<unknown>>) => unknown;

const REQUESTS: Array<[string, unknown]> = [
  ['options', null],
  ['options', 5],
  ['options.tokens', { tokens: 5 }],
  ['options.inputTokens', { inputTokens: -1 }],
  ['options.inputTokens', { inputTokens: 1.5 }],
  ['options.inputTokens', { inputTokens: '1' }],
  ['options.maxOutputTokens', { maxOutputTokens: 2 ** 53 }],
  ['options.model', { model: 5 }],
  ['options.model', { model: 'm'.repeat(257) }],
  ['options.priority', { priority: 'urgent' }],
  ['options.agent', { agent: '' }],
  ['options.agent', { agent: lone }],
  ['options.sessionId', { sessionId: 1 }],
  ['options.signal', { signal: {} }],
  ['options.maxWaitMs', { maxWaitMs: -1 }],
  ['options.maxWaitMs', { maxWaitMs: Infinity }],
];

const USAGES: Array<[string, unknown]> = [
  ['usage', undefined],
  ['usage.inputTokens', {}],
  ['usage.outputTokens', { inputTokens: 1 }],
  ['usage.outputTokens', { inputTokens: 1, outputTokens: Number.NaN }],
  ['usage.responseTimeMs', { ...NOTHING, responseTimeMs: -1 }],
  ['usage.header', { ...NOTHING, header: {} }],
];

const run = async () => ({ result: 1, usage: NOTHING });

const CALLS: Array<[method: string, field: string, call: Call]> = [
  ...REQUESTS.flatMap(
    ([field, options]): Array<[string, string, Call]> => [
      ['canMakeRequest', field, manager => manager.canMakeRequest(options as never)],
      ['acquire', field, manager => manager.acquire(options as never)],
      ['tryAcquire', field, manager => manager.tryAcquire(options as never)],
      ['run', field, manager => manager.run(options as never, run)],
    ],
  ),
  ...USAGES.map(([field, usage]): [string, string, Call] => [
    'settle',
    field,
    manager => manager.settle('id', usage as never),
  ]),
  ['run', 'fn', manager => manager.run({}, 'fn' as never)],
  ['settle', 'permitId', manager => manager.settle('no id', NOTHING)],
  ['settle', 'permitId', manager => manager.settle(undefined as never, NOTHING)],
  ['cancel', 'permitId', manager => manager.cancel('')],
  ['cancel', 'permitId', manager => manager.cancel('x'.repeat(65))],
  ['observe', 'options', manager => manager.observe({}, 5 as never)],
  ['observe', 'options.sendAt', manager => manager.observe({}, { sendAt: new Date() } as never)],
  ['observe', 'options.provider', manager => manager.observe({}, { provider: 'acme' as never })],
  ['observe', 'options.permit', manager => manager.observe({}, { permit: {} as never })],
  ['observe', 'options.sentAt', manager => manager.observe({}, { sentAt: 5 as never })],
  ['observe', 'options.sentAt', manager => manager.observe({}, { sentAt: new Date(Number.NaN) })],
  ['setLimits', 'limits', manager => manager.setLimits(undefined as never)],
  ['setLimits', 'limits.rpm', manager => manager.setLimits({ rpm: -1 })],
  ['setLimits', 'limits.rpn', manager => manager.setLimits({ rpn: 1 } as never)],
  ['allocate', 'agent', manager => manager.allocate('', 0.5)],
  ['allocate', 'share', manager => manager.allocate('a', 1.1)],
  ['allocate', 'share', manager => manager.allocate('a', Number.NaN)],
  ['allocate', 'share', manager => manager.allocate('a', '0.5' as never)],
  ['handoff', 'from', manager => manager.handoff('', 'b')],
  ['handoff', 'to', manager => manager.handoff('a', null as never)],
  ['pause', 'forMs', manager => manager.pause(0)],
  ['pause', 'forMs', manager => manager.pause(1.5)],
  ['estimateOutputTokens', 'model', manager => manager.estimateOutputTokens(5 as never)],
  ['estimateOutputTokens', 'maxOutputTokens', manager => manager.estimateOutputTokens('m', -1)],
  ['coolDownSession', 'sessionId', manager => manager.coolDownSession(5 as never)],
  ['coolDownSession', 'forMs', manager => manager.coolDownSession('s', -1)],
  ['endSession', 'sessionId', manager => manager.endSession(null as never)],
  ['batch', 'fn', manager => manager.batch(5 as never, { maxSize: 1, maxWaitMs: 1 })],
  ['batch', 'options.maxSize', manager => manager.batch(async items => items, { maxSize: 0, maxWaitMs: 1 })],
  ['batch', 'options.maxWaitMs', manager => manager.batch(async items => items, { maxSize: 1 } as never)],
  ['restoreState', 'state', manager => manager.restoreState(undefined as never)],
  ['ready', 'options.timeout', manager => manager.ready({ timeout: -1 })],
  ['close', 'options.timeout', manager => manager.close({ timeout: 'soon' as never })],
];

test.each(CALLS)('%s names %s', async (_method, field, call) => {
  const manager = plain({ rpm: 5, concurrent: 5 });
  const error = await rejection(
    (async () => {
      await call(manager as never);
    })(),
  );
  expect(error).toMatchObject({ name: 'TokenBudgetError', code: 'INVALID_ARGUMENT', field });
  expect(error.message.startsWith(`${field}: `)).toBe(true);
  // Nothing happened.
  expect(await used(manager)).toEqual({ rpm: 0, concurrent: 0 });
});

test('a getter that throws is the caller’s fault, not ours', async () => {
  const options = {
    get inputTokens(): number {
      throw new Error('mine');
    },
  };
  const error = await rejection(plain({ rpm: 1 }).acquire(options));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'options.inputTokens' });
});

test('a clock that throws or lies is named, and works again when it does better', async () => {
  let now: unknown = 1_000;
  const manager = plain({ rpm: 1 }, { clock: () => now as number });
  await manager.acquire();
  now = 'noon';
  expect(await rejection(manager.acquire())).toMatchObject({ code: 'INVALID_CONFIG', field: 'clock' });
  now = 70_000;
  expect(await manager.acquire()).toMatchObject({ waitedMs: 0 });
});
