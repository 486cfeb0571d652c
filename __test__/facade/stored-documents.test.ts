import { TokenBudgetTracker } from '@wundr.io/token-budget';
import { type RedisServer, startRedis } from '../support/redis';
import { rejection, usage } from './helpers';

let server: RedisServer;
let subject: TokenBudgetTracker;

beforeAll(async () => {
  server = await startRedis();
  subject = new TokenBudgetTracker({ redis: { host: server.host, port: server.port, keyPrefix: 'docs' } });
});

afterAll(async () => {
  await subject.close();
  await server.stop();
});

const override = (orchestratorId: string, period: 'hourly' | 'daily', more: object = {}) => ({
  id: 'o',
  orchestratorId,
  period,
  additionalTokens: 5,
  reason: `because of the ${period} budget`,
  expiresAt: new Date(Date.now() + 60_000),
  createdBy: 'ops',
  metadata: { ticket: 7 },
  ...more,
});

test('an override that is replaced while it is listed is told with its own document', async () => {
  const [hourly, daily] = [override('moved', 'hourly'), override('moved', 'daily')];
  await subject.setBudgetOverride(hourly);
  for (let round = 0; round < 40; round++) {
    const [before, after] = round % 2 === 0 ? [hourly, daily] : [daily, hourly];
    const [first, , second] = await Promise.all([
      subject.listOverrides('moved'),
      subject.setBudgetOverride(after),
      subject.listOverrides('moved'),
    ]);
    expect([first, second]).toEqual([[before], [after]]);
  }
});

test.each([
  ['no JSON', 'junk'],
  ['JSON that breaks the text around it', '1}]},"x":[{"y":2'],
  ['null', 'null'],
  ['an array', '[1]'],
  ['of another shape', '{"reason":5,"createdBy":null,"metadata":"m"}'],
])('a document that is %s leaves the override listed', async (name, document) => {
  const given = override(name, 'daily');
  await subject.setBudgetOverride(given);
  const key = `docs:budget:${encodeURIComponent(name)}:daily:overrides:o`;
  expect(await server.command('SET', key, document, 'XX')).toBe('OK');
  const { metadata: _, ...known } = given;
  expect(await subject.listOverrides(name)).toEqual([{ ...known, reason: '', createdBy: '' }]);
});

test.each([
  ['no JSON', '{bad'],
  ['no object', 'null'],
])('a history with a record that is %s is refused with a code', async (name, record) => {
  const orchestratorId = `history-${name}`;
  await subject.trackUsage({ ...usage(1), orchestratorId, timestamp: new Date() });
  const key = `docs:budget:${encodeURIComponent(orchestratorId)}:hourly:metadata:history`;
  expect(await server.command('RPUSHX', key, record)).toBe(2);
  expect(await rejection(subject.getUsageHistory(orchestratorId))).toMatchObject({
    name: 'TokenBudgetError',
    code: 'STORE_UNAVAILABLE',
    message: 'the history holds something that is no record of usage',
  });
});
