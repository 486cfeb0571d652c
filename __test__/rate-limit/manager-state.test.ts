/** What outlives a process. */
import type { RateLimitManager, RateLimitState } from '@wundr.io/token-budget/rate-limit';
import { rejection } from '../facade/helpers';
import { acquireMany, advance, NOON, NOTHING, plain, refusal, used, useFakeTime } from './helpers';

useFakeTime();

describe('saveState and restoreState', () => {
  const limits = { rpm: 50, itpm: 40_000, rph: 1_000 };
  const overFile = async (manager: RateLimitManager): Promise<RateLimitState> =>
    JSON.parse(JSON.stringify(await manager.saveState()));

  async function usedManager(): Promise<RateLimitManager> {
    const manager = plain(limits);
    const permits = await acquireMany(manager, 20, { inputTokens: 100, sessionId: 's', model: 'm' });
    for (const permit of permits.slice(0, 15)) await permit.settle({ inputTokens: 90, outputTokens: 40 });
    return manager;
  }

  test('what was used is counted on, until it leaves its windows', async () => {
    const state = await overFile(await usedManager());
    expect(state).toMatchObject({ version: 1, name: 'default', savedAt: new Date(NOON).toISOString() });
    await advance(10_000);
    const heir = plain(limits);
    await heir.restoreState(state);
    expect(await used(heir)).toEqual({ rpm: 20, itpm: 1_850, rph: 20 });
    expect(heir.getSessions()).toMatchObject([{ sessionId: 's', requests: 15, inputTokens: 1_350 }]);
    await advance(51_000);
    expect(await used(heir)).toEqual({ rpm: 0, itpm: 0, rph: 20 });
  });

  test('windows that are not in force at the moment are kept with the rest', async () => {
    const daily = { rpm: 1_000, rpd: 10 };
    const manager = plain(daily);
    await acquireMany(manager, 10);
    await manager.setLimits({ rpm: 500 });
    const state = await overFile(manager);
    const heir = plain(daily);
    await heir.restoreState(state);
    expect(await heir.canMakeRequest({})).toMatchObject({ allowed: false, reason: 'rpd' });
    expect(await used(heir)).toEqual({ rpm: 10, rpd: 10 });
  });

  test('what has expired is left out', async () => {
    const state = await overFile(await usedManager());
    await advance(61_000);
    const heir = plain(limits);
    await heir.restoreState(state);
    expect(await used(heir)).toEqual({ rpm: 0, itpm: 0, rph: 20 });
  });

  test('counted is what is known here or there, whichever is more', async () => {
    const manager = await usedManager();
    const state = await overFile(manager);
    await acquireMany(manager, 5, { inputTokens: 0 });
    await manager.restoreState(state);
    await manager.restoreState(state);
    expect(await used(manager)).toEqual({ rpm: 25, itpm: 1_850, rph: 25 });
  });

  test('pauses and hits live on, and end when they did', async () => {
    const manager = plain(limits);
    await manager.observe(refusal({ 'retry-after': '40' }));
    await manager.observe({ 'ratelimit-limit': '9', 'ratelimit-remaining': '3', 'ratelimit-reset': '90' });
    const state = await overFile(manager);
    await advance(30_000);
    const [heir, late] = [plain(limits), plain(limits)];
    await heir.restoreState(state);
    expect(await heir.getStatus()).toMatchObject({
      hits: 1,
      pausedUntil: new Date(NOON + 40_000),
      provider: { requests: { limit: 9, remaining: 3, resetsAt: new Date(NOON + 90_000) } },
    });
    await advance(10_000);
    expect((await heir.tryAcquire()).permit).not.toBeNull();
    expect((await heir.tryAcquire()).verdict).toMatchObject({ reason: 'probe' });
    await advance(60_000);
    await late.restoreState(state);
    expect(await late.getStatus()).toMatchObject({ pausedUntil: null, provider: {} });
  });

  test('what was learned is kept across processes', async () => {
    const manager = plain(limits);
    for (let n = 0; n < 25; n++) {
      const permit = await manager.acquire({ model: 'm' });
      await permit.settle({ inputTokens: 1, outputTokens: 77 });
    }
    const state = await overFile(manager);
    const heir = plain(limits);
    await heir.restoreState(state);
    await heir.restoreState(state);
    const estimate = await heir.estimateOutputTokens('m');
    expect(estimate).toBeGreaterThanOrEqual(77);
    expect(estimate).toBeLessThanOrEqual(77 * 1.12);
    expect((await heir.saveState()).learned).toEqual(state.learned);
  });

  test('a session that is known here is not replaced', async () => {
    const state = await overFile(await usedManager());
    const heir = plain(limits);
    const permit = await heir.acquire({ sessionId: 's' });
    await permit.settle(NOTHING);
    await heir.restoreState(state);
    expect(heir.getSessions()).toMatchObject([{ sessionId: 's', requests: 1 }]);
  });

  test('terms are not restored: those of the heir hold', async () => {
    const manager = plain(limits);
    await manager.setLimits({ rpm: 1 });
    const state = await overFile(manager);
    const heir = plain(limits);
    await heir.restoreState(state);
    expect(await heir.getLimits()).toEqual(limits);
  });

  describe('no such state: refused, the field is named, and nothing changes', () => {
    type Wrong = (state: RateLimitState & { limiter: Record<string, never> }) => unknown;
    const first = (state: RateLimitState) =>
      (state.limiter as { windows: Array<{ parts: unknown[][] }> }).windows[0] ?? { parts: [] };
    test.each<[string, Wrong]>([
      ['state', () => null],
      ['state', () => 'a text'],
      ['state', () => []],
      ['state.version', state => ({ ...state, version: 2 })],
      ['state.version', () => ({})],
      ['state.name', state => ({ ...state, name: 'another' })],
      ['state.limiter', state => ({ ...state, limiter: null })],
      ['state.limiter.windows', state => ({ ...state, limiter: { ...state.limiter, windows: {} } })],
      ['state.limiter.nowMs', state => ({ ...state, limiter: { ...state.limiter, nowMs: '1' } })],
      ['state.limiter.hits', state => ({ ...state, limiter: { ...state.limiter, hits: -1 } })],
      ['state.limiter.quotas', state => ({ ...state, limiter: { ...state.limiter, quotas: [] } })],
      [
        'state.limiter.windows[0].parts',
        state => {
          first(state).parts = new Array(101).fill([0, { requests: 0, inputTokens: 0, outputTokens: 0 }]);
          return state;
        },
      ],
      [
        'state.limiter.windows[0].parts[0][1].requests',
        state => {
          first(state).parts = [[0, { requests: 0.5, inputTokens: 0, outputTokens: 0 }]];
          return state;
        },
      ],
      ['state.sessions', state => ({ ...state, sessions: {} })],
      ['state.sessions[0][1].requests', state => ({ ...state, sessions: [['s', {}]] })],
      ['state.sessions[0][0]', state => ({ ...state, sessions: [[7, {}]] })],
      ['state.learned', state => ({ ...state, learned: 'out:m' })],
      ['state.learned[0][1]', state => ({ ...state, learned: [['out:m:1', null]] })],
    ])('%s', async (field, spoil) => {
      const state = await overFile(await usedManager());
      const manager = plain(limits);
      await acquireMany(manager, 2, { inputTokens: 7, sessionId: 'here' });
      const before = await manager.saveState();
      const wrong = spoil(state as never) as RateLimitState;
      expect(await rejection(manager.restoreState(wrong))).toMatchObject({ code: 'INVALID_ARGUMENT', field });
      expect(await manager.saveState()).toEqual(before);
    });
  });
});
