/** A server that is there and takes no writes for now: usage waits, what cannot wait is answered in time. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ReservationResult, UsageStats } from '@wundr.io/token-budget';
import { endProcesses, openProcess, type RemoteProcess, usage, withinOneHour } from '../support/fleet';
import { type RedisServer, startRedis } from '../support/redis';
import { eventually } from '../support/system';

const TIMEOUT_MS = 500;

let server: RedisServer;
const processes: RemoteProcess[] = [];

beforeAll(async () => {
  await withinOneHour(60_000);
  server = await startRedis({ args: ['--enable-protected-configs', 'yes'] });
}, 80_000);
afterEach(() => endProcesses(processes.splice(0)));
afterAll(() => server?.stop());

async function open(onStoreError: 'reject' | 'allow' | 'deny'): Promise<RemoteProcess> {
  const { host, port } = server;
  const one = await openProcess({
    defaultBudget: { hourly: 1_000_000 },
    commandTimeout: TIMEOUT_MS,
    onStoreError,
    redis: { host, port },
  });
  processes.push(one);
  await one.call('ready');
  return one;
}

const saved = (status: 'ok' | 'err') =>
  eventually(`a background save to be ${status}`, async () => {
    const persistence = String(await server.command('INFO', 'persistence'));
    if (persistence.includes(`rdb_last_bgsave_status:${status}`)) return true;
    if (persistence.includes('rdb_bgsave_in_progress:0')) await server.command('BGSAVE');
    return undefined;
  });

/** Ways to refuse writes, and their ends. */
const refusals = {
  async MISCONF() {
    const gone = join(server.folder, 'gone');
    mkdirSync(gone);
    await server.command('CONFIG', 'SET', 'dir', gone);
    rmSync(gone, { recursive: true });
    await server.command('CONFIG', 'SET', 'save', '3600 1');
    await saved('err');
    return async () => {
      await server.command('CONFIG', 'SET', 'dir', join(server.folder, 'data'));
      await saved('ok');
    };
  },
  async NOREPLICAS() {
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    return () => server.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
  },
};

test.each(['MISCONF', 'NOREPLICAS'] as const)(
  '%s: usage waits and is recorded once, the rest is answered at its deadline',
  async code => {
    const [rejecting, allowing, denying] = await Promise.all([open('reject'), open('allow'), open('deny')]);
    await rejecting.track(code, 1);
    const { reservationId } = await rejecting.call<ReservationResult>('reserveTokens', code, 50);

    const end = await refusals[code]();
    await expect(server.command('SET', 'x', 'y')).rejects.toThrow(code);
    const asked = [
      ['checkBudget', code, 1],
      ['reserveTokens', code, 1],
    ] as const;
    const [[track, settle, ...rejected], allowed, denied] = await Promise.all([
      rejecting.all(
        [['trackUsage', usage(code, 300)], ['releaseReservation', reservationId, 4], ...asked],
        TIMEOUT_MS,
      ),
      allowing.all(asked, TIMEOUT_MS),
      denying.all(asked, TIMEOUT_MS),
    ]);
    for (const outcome of [track, settle]) expect(outcome).not.toHaveProperty('code');
    for (const outcome of rejected) {
      expect(outcome.code).toMatch(/^(TIMEOUT|STORE_UNAVAILABLE)$/);
      expect(outcome.tookMs).toBeGreaterThan(TIMEOUT_MS - 50);
    }
    expect(allowed).toMatchObject([
      { value: { allowed: true, storeUnavailable: true } },
      { value: { success: true, storeUnavailable: true } },
    ]);
    expect(denied).toMatchObject([
      { value: { allowed: false, storeUnavailable: true } },
      { value: { success: false, storeUnavailable: true } },
    ]);
    for (const { beyondMs } of [track, settle, ...rejected, ...allowed, ...denied].flatMap(
      one => one ?? [],
    )) {
      expect(beyondMs).toBeLessThan(100);
    }
    expect(await rejecting.heard('usage:spooled')).toHaveLength(2);
    // Joins what waits already, and is not dropped by a refusal either.
    await rejecting.track(code, 20);
    expect(await rejecting.heard('usage:tracked')).toHaveLength(1);

    await end();
    await rejecting.hears('usage:tracked', 4);
    const stats = await eventually('statistics', () =>
      rejecting.call<UsageStats>('getUsageStats', code).catch(() => undefined),
    );
    expect(stats).toMatchObject({ totalUsed: 1 + 300 + 4 + 20, reservedTokens: 0, activeReservations: 0 });
    expect(await rejecting.heard('error')).toEqual([]);
    expect(await allowing.call('checkBudget', code, 1)).toMatchObject({ allowed: true });
  },
  60_000,
);
