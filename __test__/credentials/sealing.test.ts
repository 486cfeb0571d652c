import { randomBytes } from 'node:crypto';
import { TokenManager } from '@wundr.io/token-budget/credentials';
import { rejection } from '../facade/helpers';
import { poolsIn } from './support/pools';
import { closeAll, manager as make } from './support/setup';

afterEach(closeAll);

const KEY = randomBytes(32);
const memory = () => ({ name: `sealing-${Math.random()}` });

async function revealed(manager: TokenManager): Promise<string[]> {
  return (await manager.getAllTokens()).map(view => view.reveal());
}

async function opening(options: Parameters<typeof TokenManager.open>[0]): Promise<TokenManager> {
  const manager = await TokenManager.open(options);
  // Closed by closeAll, as the others are.
  openedManagers.push(manager);
  return manager;
}
const openedManagers: TokenManager[] = [];
afterEach(() => Promise.all(openedManagers.splice(0).map(one => one.close())));

test.each<[string, string | Uint8Array, string | Uint8Array]>([
  ['bytes', KEY, KEY],
  ['hex and bytes', KEY.toString('hex'), KEY],
  ['base64 and base64url', KEY.toString('base64'), KEY.toString('base64url')],
  ['a passphrase', 'correct horse battery staple', 'correct horse battery staple'],
  [
    'a passphrase in another composition',
    'caf\u00e9 caf\u00e9 caf\u00e9',
    'cafe\u0301 cafe\u0301 cafe\u0301',
  ],
])('tokens kept with %s are found by another manager', async (_name, key, sameKey) => {
  const store = memory();
  const tokens = [
    { token: 'one', account: 'octocat', weight: 7 },
    { token: 'two', provider: 'gitlab' },
  ];
  await make(tokens, { memory: store, encryptionKey: key }).ready();
  const found = await opening({ memory: store, encryptionKey: sameKey, providers: ['github', 'gitlab'] });
  expect(await found.getAllTokens()).toMatchObject([
    { provider: 'github', account: 'octocat', weight: 7 },
    { provider: 'gitlab', weight: 1 },
  ]);
  expect(await revealed(found)).toEqual(['one', 'two']);
});

test.each<[string, string | Uint8Array]>([
  ['another key', randomBytes(32)],
  ['a passphrase instead', 'correct horse battery staple'],
])('%s is refused, naming encryptionKey, and overwrites nothing', async (_name, wrong) => {
  const store = memory();
  await make(['one'], { memory: store, encryptionKey: KEY }).ready();
  const refused = await rejection(TokenManager.open({ memory: store, encryptionKey: wrong }));
  expect(refused).toMatchObject({ code: 'INVALID_CONFIG', field: 'encryptionKey' });
  const keeping = make(['one', 'two'], { memory: store, encryptionKey: wrong });
  for (const call of [() => keeping.ready(), () => keeping.getNextAvailableToken()]) {
    expect(await rejection(call())).toMatchObject({ code: 'INVALID_CONFIG', field: 'encryptionKey' });
  }
  expect(await revealed(await opening({ memory: store, encryptionKey: KEY }))).toEqual(['one']);
});

test('a wrong passphrase is refused', async () => {
  const store = memory();
  await make(['one'], { memory: store, encryptionKey: 'correct horse battery staple' }).ready();
  const error = await rejection(
    TokenManager.open({ memory: store, encryptionKey: 'incorrect horse battery' }),
  );
  expect(error).toMatchObject({ code: 'INVALID_CONFIG', field: 'encryptionKey' });
});

test('no entry passes for another, and none was changed', async () => {
  const store = memory();
  const tokens = [
    { token: 'one', account: 'octocat' },
    { token: 'two', account: 'hubot' },
  ];
  await make(tokens, { memory: store, encryptionKey: KEY }).ready();
  const pools = poolsIn(store);
  const kept = await pools.kept();
  const one = (account: string) => kept.find(entry => entry.account === account) as (typeof kept)[0];
  const [first, second] = [one('octocat'), one('hubot')];
  const damaged = first.sealed.replace(/.$/, end => (end === 'A' ? 'Q' : 'A'));
  for (const [account, sealed] of [
    [first.account, second.sealed],
    ['somebody', first.sealed],
    [first.account, damaged.slice(0, -4)],
    [first.account, 'v2.x'],
    [first.account, ''],
  ] as const) {
    await pools.keep(first.fingerprint, account, sealed);
    const error = await rejection(TokenManager.open({ memory: store, encryptionKey: KEY }));
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', field: 'encryptionKey' });
  }
});

test('tokens that come and go', async () => {
  const store = memory();
  const one = make(['first'], { memory: store, encryptionKey: KEY });
  await one.ready();
  const two = await opening({ memory: store, encryptionKey: KEY });
  expect(await one.addToken({ token: 'second', weight: 3 })).toBe(true);
  expect(await one.addToken('second')).toBe(false);
  expect(await two.loadTokens()).toBe(1);
  expect(await two.loadTokens()).toBe(0);
  expect(await two.getAllTokens()).toMatchObject([{ weight: 1 }, { weight: 3 }]);
  expect(await revealed(two)).toEqual(['first', 'second']);
  await one.removeToken('first');
  expect(await revealed(one)).toEqual(['second']);
  expect(await revealed(await opening({ memory: store, encryptionKey: KEY }))).toEqual(['second']);
  expect(await rejection(one.markInvalid('first'))).toMatchObject({ field: 'token' });
});

test('without a key nothing is kept, and nothing can be loaded', async () => {
  const store = memory();
  const manager = make(['one'], { memory: store });
  await manager.ready();
  await manager.addToken('two');
  expect(await poolsIn(store).kept()).toEqual([]);
  expect(await rejection(manager.loadTokens())).toMatchObject({
    code: 'INVALID_CONFIG',
    field: 'encryptionKey',
  });
  const unlocked = await rejection(TokenManager.open({ memory: memory() } as never));
  expect(unlocked).toMatchObject({ code: 'INVALID_CONFIG', field: 'encryptionKey' });
});

test('a manager that found nothing has no token, and says so', async () => {
  const manager = await opening({ memory: memory(), encryptionKey: KEY });
  expect(await rejection(manager.getNextAvailableToken())).toMatchObject({
    code: 'UNAUTHORIZED',
    message: 'No token for github',
  });
  expect(await manager.countAvailableTokens()).toBe(0);
});
