/** Files that cannot be opened, and files that somebody else has. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BudgetConfig, TokenBudgetTracker } from '@wundr.io/token-budget';
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { heard, usage } from '../facade/helpers';
import { runProcess, type WorkerProcess } from '../support/process';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('refusals');
});
afterAll(() => folder.remove());

const now = { timestamp: new Date() };

async function holder(storage: string): Promise<WorkerProcess> {
  const worker = runProcess('tracker.cjs');
  await worker.call('open', { config: { storage, connectTimeout: 20_000 } });
  await worker.call('call', { method: 'trackUsage', args: [{ ...usage(5), timestamp: { $later: 0 } }] });
  return worker;
}

describe('a file that can be read but not written', () => {
  const NOBODY = 65_534;
  /** Opens the file as somebody whom modes hold back, and tells what became of it. Modules are loaded before that. */
  const CHILD = `
    const { TokenBudgetTracker } = require('@wundr.io/token-budget');
    const open = async path => {
      const tracker = new TokenBudgetTracker({ storage: path });
      await tracker.ready();
      await tracker.close();
    };
    const [path, other] = process.argv.slice(1);
    open(other).then(() => {
      if (process.getuid() === 0) {
        process.setgroups([]);
        process.setgid(${NOBODY});
        process.setuid(${NOBODY});
      }
      return open(path);
    }).then(
      () => console.log('open'),
      error => console.log(error.code + ' ' + error.message),
    );
  `;

  test.each(['state.db', 'state.db-lock'])(
    '%s: says so, and changes nothing',
    async name => {
      const home = join(folder.path, `read-only-${name}`);
      mkdirSync(home);
      const path = join(home, 'state.db');
      const writer = new TokenBudgetTracker({ storage: path });
      await writer.trackUsage(usage(5));
      await writer.close();
      chmodSync(folder.path, 0o755);
      chmodSync(home, 0o777);
      for (const file of readdirSync(home)) chmodSync(join(home, file), file === name ? 0o444 : 0o666);
      const before = readFileSync(path);
      const { stdout } = await promisify(execFile)(process.execPath, [
        '-e',
        CHILD,
        path,
        join(home, 'other.db'),
      ]);
      expect(stdout).toMatch(/^STORE_UNAVAILABLE .*storage\.path: .* cannot be opened for writing: ./);
      expect(stdout).toContain(name);
      expect(readFileSync(path)).toEqual(before);
    },
    30_000,
  );
});

describe('a file that cannot be opened', () => {
  const cases: Record<string, () => string> = {
    'a folder': () => folder.path,
    'in a folder that does not exist': () => join(folder.path, 'nowhere', 'state.db'),
    'in a folder that is a file': () => {
      writeFileSync(join(folder.path, 'plain'), 'text');
      return join(folder.path, 'plain', 'state.db');
    },
    'in a folder that must not be written to': () => {
      // Modes do not hold root back; that nobody makes a file in /sys does.
      if (process.getuid?.() === 0) return '/sys/state.db';
      mkdirSync(join(folder.path, 'read-only'), { mode: 0o555 });
      return join(folder.path, 'read-only', 'state.db');
    },
    'no database': () => {
      const path = join(folder.path, 'no-database.db');
      writeFileSync(path, 'Dear diary, '.repeat(1000));
      return path;
    },
  };

  test.each(Object.keys(cases))('%s: every class says why, and stays usable', async name => {
    const storage = cases[name]?.() ?? '';
    const before = name === 'no database' ? readFileSync(storage) : undefined;
    const tracker = new TokenBudgetTracker({ storage });
    const disconnected = heard(tracker, 'store:disconnected');
    const limiter = new RateLimitManager({ storage });
    const manager = new TokenManager(['token'], { storage });
    const refused = { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/cannot be opened: ./) };
    await expect(tracker.ready()).rejects.toMatchObject(refused);
    await expect(tracker.trackUsage(usage(1))).rejects.toMatchObject(refused);
    await expect(tracker.checkBudget('o', 1)).rejects.toMatchObject(refused);
    await expect(limiter.acquire()).rejects.toMatchObject(refused);
    await expect(limiter.ready()).rejects.toMatchObject(refused);
    await expect(manager.getNextAvailableToken()).rejects.toMatchObject(refused);
    expect(await tracker.healthCheck()).toBe(false);
    expect(await limiter.healthCheck()).toBe(false);
    expect(disconnected).toEqual([[{ address: storage, reason: expect.stringMatching(/./) }]]);
    await Promise.all([tracker.close(), limiter.close(), manager.close()]);
    // Nothing was done to it.
    if (before !== undefined) expect(readFileSync(storage).equals(before)).toBe(true);
  });

  test('one of a newer version is left alone', async () => {
    const path = join(folder.path, 'newer.db');
    const maker = new TokenBudgetTracker({ storage: path });
    await maker.trackUsage({ ...usage(5), ...now });
    await maker.close();
    const bytes = readFileSync(path);
    // Where SQLite keeps `user_version`.
    bytes.writeUInt32BE(bytes.readUInt32BE(60) + 1, 60);
    const newer = join(folder.path, 'newer-still.db');
    writeFileSync(newer, bytes);
    const tracker = new TokenBudgetTracker({ storage: newer });
    await expect(tracker.ready()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/version/),
    });
    await tracker.close();
    expect(readFileSync(newer).equals(bytes)).toBe(true);
  });

  test.each([
    ['allow', true],
    ['deny', false],
  ] as const)('onStoreError %s answers in its place', async (onStoreError, allowed) => {
    const storage = join(folder.path, `later-${onStoreError}.db`);
    writeFileSync(storage, 'no database, for now '.repeat(500));
    const config: BudgetConfig = { storage, onStoreError, connectTimeout: 500 };
    const tracker = new TokenBudgetTracker(config);
    const [denied, created] = [heard(tracker, 'budget:denied'), heard(tracker, 'reservation:created')];
    expect(await tracker.checkBudget('o', 5)).toMatchObject({ allowed, storeUnavailable: true });
    const reserved = await tracker.reserveTokens('o', 5);
    expect(reserved).toMatchObject({ success: allowed, storeUnavailable: true });
    expect([denied.length, created.length]).toEqual(allowed ? [0, 1] : [2, 0]);
    if (!allowed) {
      const refused = await tracker.reserveTokens('o', 5, ['monthly', 'daily']);
      expect(refused).toMatchObject({ success: false, period: 'daily' });
    }
    // Whoever asks next tries again.
    writeFileSync(storage, '');
    if (reserved.reservationId !== undefined) {
      const released = heard(tracker, 'reservation:released');
      await tracker.releaseReservation(reserved.reservationId, 7);
      expect(released).toMatchObject([[reserved.reservationId, { reserved: 0, recorded: 7, actual: 7 }]]);
      await expect(tracker.releaseReservation(reserved.reservationId, 7)).rejects.toMatchObject({
        code: 'RESERVATION_NOT_FOUND',
      });
    }
    expect(await tracker.getUsageStats('o')).toMatchObject({ totalUsed: allowed ? 7 : 0 });
    await tracker.close();
  });

  test('a limiter with onStoreError allow lets requests go unheld', async () => {
    const limiter = new RateLimitManager({ storage: folder.path, onStoreError: 'allow' });
    const permit = await limiter.acquire();
    expect(permit.isUnheld).toBe(true);
    await permit.settle({ inputTokens: 1, outputTokens: 1 });
    await limiter.close();
  });
});

describe('a file that another process has open', () => {
  test('is refused when that goes on for longer than connectTimeout', async () => {
    const storage = join(folder.path, 'held.db');
    const other = await holder(storage);
    const tracker = new TokenBudgetTracker({ storage, connectTimeout: 300 });
    await expect(tracker.trackUsage(usage(1))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/process/),
    });
    expect(await tracker.healthCheck()).toBe(false);
    // The other one does not notice.
    const stats = { method: 'getUsageStats', args: ['orch', 'monthly'] };
    expect(await other.call('call', stats)).toMatchObject({ totalUsed: 5 });
    await other.kill();
    // Nothing has to be made anew.
    await tracker.trackUsage({ ...usage(1), ...now });
    expect(await tracker.getUsageStats('orch', 'monthly')).toMatchObject({ totalUsed: 6 });
    await tracker.close();
  });

  test.each([
    ['closes it', (other: WorkerProcess) => other.call('call', { method: 'close', args: [] })],
    ['is killed', (other: WorkerProcess) => other.kill()],
  ])('calls wait until it %s', async (_how, end) => {
    const storage = join(folder.path, `waits-${_how.replaceAll(' ', '-')}.db`);
    const other = await holder(storage);
    const tracker = new TokenBudgetTracker({ storage, connectTimeout: 30_000 });
    const calls = [
      tracker.trackUsage({ ...usage(1), ...now }),
      tracker.getUsageStats('orch', 'monthly'),
      tracker.ready({ timeout: 30_000 }),
    ] as const;
    const controller = new AbortController();
    const aborted = tracker.reserveTokens('orch', 1, 'hourly', { signal: controller.signal });
    let isOver = false;
    void Promise.race(calls).then(() => {
      isOver = true;
    });
    controller.abort(new Error('not that long'));
    await expect(aborted).rejects.toThrow('not that long');
    await expect(tracker.ready({ timeout: 50 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(isOver).toBe(false);
    await end(other);
    const [, stats] = await Promise.all(calls);
    expect(stats).toMatchObject({ totalUsed: 6, reservedTokens: 0 });
    await tracker.close();
    await other.kill();
  });

  test('the patience of one object is not that of another', async () => {
    const storage = join(folder.path, 'patience.db');
    const other = await holder(storage);
    const hasty = new TokenBudgetTracker({ storage, connectTimeout: 100 });
    const failed = hasty.trackUsage(usage(1)).catch((error: Error) => error.message);
    // Loading has begun, with the patience of the first.
    await new Promise(resolve => setImmediate(resolve));
    const patient = new TokenBudgetTracker({ storage, connectTimeout: 30_000 });
    const call = patient.trackUsage({ ...usage(1), ...now });
    expect(await failed).toMatch(/in use by another process/);
    await other.kill();
    await call;
    expect(await hasty.getUsageStats('orch', 'monthly')).toMatchObject({ totalUsed: 6 });
    await Promise.all([hasty.close(), patient.close()]);
  });

  test('closing while it waits ends the calls with CLOSED', async () => {
    const storage = join(folder.path, 'closing.db');
    const other = await holder(storage);
    const tracker = new TokenBudgetTracker({ storage, connectTimeout: 30_000 });
    const call = tracker.trackUsage(usage(1));
    call.catch(() => {});
    await tracker.close({ timeout: 50 });
    await expect(call).rejects.toMatchObject({ code: 'CLOSED' });
    await other.kill();
    // It let go of the file, too.
    const next = new TokenBudgetTracker({ storage, connectTimeout: 30_000 });
    await eventually('the file', async () => ((await next.healthCheck()) ? true : undefined));
    await next.close();
  });
});
