/** What `storage` may be, for every class that takes it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { RateLimitManager } from '@wundr.io/token-budget/rate-limit';
import { type TemporaryFolder, temporaryFolder } from '../support/system';

type Config = Record<string, unknown>;
type Made = TokenBudgetTracker | RateLimitManager | TokenManager;

const CLASSES: ReadonlyArray<readonly [name: string, make: (config: Config) => Made]> = [
  ['TokenBudgetTracker', config => new TokenBudgetTracker(config as never)],
  ['RateLimitManager', config => new RateLimitManager(config as never)],
  ['TokenManager', config => new TokenManager(['token'], config as never)],
];

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('storage-config');
});
afterAll(() => folder.remove());

describe.each(CLASSES)('%s', (_name, make) => {
  test.each<[field: string, config: Config]>([
    ['storage', { storage: 5 }],
    ['storage', { storage: null }],
    ['storage', { storage: true }],
    ['storage', { storage: [] }],
    ['storage', { storage: '' }],
    ['storage', { storage: ':memory:' }],
    ['storage', { storage: 'file:state.db' }],
    ['storage', { storage: 'a\0b' }],
    ['storage', { storage: '\ud800' }],
    ['storage', { storage: 'x'.repeat(5000) }],
    ['storage.path', { storage: {} }],
    ['storage.path', { storage: { path: 7 } }],
    ['storage.path', { storage: { path: '' } }],
    ['storage.path', { storage: { path: ':memory:' } }],
    ['storage.file', { storage: { path: 'state.db', file: 'state.db' } }],
    ['storage', { storage: 'state.db', redis: {} }],
    ['memory', { storage: 'state.db', memory: {} }],
    ['memory', { storage: 'state.db', memory: { name: 'shared' } }],
    ['clock', { storage: 'state.db', clock: 5 }],
  ])('%s of %j', (field, config) => {
    let made: Made | undefined;
    try {
      made = make(config);
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_CONFIG', field, name: 'TokenBudgetError' });
      const begin = new RegExp(`^${field.replaceAll('.', '\\.')}: expected `);
      expect((error as Error).message).toMatch(begin);
    }
    void made?.close();
    expect(made).toBeUndefined();
  });

  test('a path, an object with a path, and none', async () => {
    const path = join(folder.path, 'state.db');
    for (const storage of [path, { path }, undefined]) {
      const made = make({ storage, clock: () => 1_768_000_000_000 });
      await made.ready();
      await made.close();
    }
    expect(existsSync(path)).toBe(true);
  });

  test('a relative path belongs to the working directory of the moment', async () => {
    const before = process.cwd();
    process.chdir(folder.path);
    let made: Made;
    try {
      made = make({ storage: './relative.db' });
    } finally {
      process.chdir(before);
    }
    await made.ready();
    await made.close();
    expect(existsSync(join(folder.path, 'relative.db'))).toBe(true);
    expect(existsSync(join(before, 'relative.db'))).toBe(false);
  });
});
