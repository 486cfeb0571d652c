/** Nothing that a tracker counts is lost by its reporter, and both tell one cost. */
import { join } from 'node:path';
import {
  CostCalculator,
  TokenBudgetTracker,
  type TokenUsage,
  UsageReporter,
} from '@wundr.io/token-budget/budget';
import fc from '../support/properties';
import { eventually, temporaryFolder } from '../support/system';

const dist = join(__dirname, '../../dist/reports');
const { usageId } = require(join(dist, 'attach.js')) as typeof import('../../facade/reports/attach');
const { keptName, givenName } = require(
  join(dist, 'kept-names.js'),
) as typeof import('../../facade/reports/kept-names');

function tracked(fields: Partial<TokenUsage> = {}): TokenUsage {
  return {
    ...{ orchestratorId: 'o', sessionId: 's', timestamp: new Date(), model: 'gpt-4o' },
    ...{ promptTokens: 1000, completionTokens: 1000, totalTokens: 2000 },
    ...fields,
  };
}

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function attached(
  options?: ConstructorParameters<typeof TokenBudgetTracker>[0],
  calculator?: CostCalculator,
  config?: ConstructorParameters<typeof UsageReporter>[0],
) {
  const tracker = new TokenBudgetTracker(options);
  const reporter = new UsageReporter(config, undefined, calculator);
  const errors: unknown[] = [];
  reporter.on('error', error => errors.push(error)).attach(tracker);
  closing.push(tracker, reporter);
  const report = (records: number, orchestratorId?: string) =>
    eventually(`${records} records`, async () => {
      const found = await reporter.getReport({
        ...{ startTime: new Date(0), endTime: new Date(Date.now() + 1000), granularity: 'monthly' },
        ...(orchestratorId !== undefined && { orchestratorId }),
      });
      return found.summary.totalRecords === records ? found : undefined;
    });
  return { tracker, reporter, errors, report };
}

test('names that run into one another, long and ill-formed ones are recorded each', async () => {
  const { tracker, errors, report } = attached();
  const names = [
    ...[
      ['a/b', 'c'],
      ['a', 'b/c'],
      ['a%2Fb', 'c'],
      ['x', 'q'.repeat(1024)],
      ['x', `${'q'.repeat(1023)}r`],
    ],
    ...[
      ['m\ud800', '1'],
      ['m\ud801', '1'],
      ['m\uffffd800', '1'],
      ['m\0', '\udc00'],
    ],
  ] as const;
  for (const [orchestratorId, requestId] of names) {
    await tracker.trackUsage(tracked({ orchestratorId, requestId }));
  }
  const { summary, breakdown } = await report(names.length);
  expect(summary.totalTokens).toBe(names.length * 2000);
  const ids = breakdown.filter(({ type }) => type === 'orchestrator').map(({ key }) => key);
  expect(new Set(ids)).toEqual(new Set(names.map(([id]) => id)));
  expect((await report(1, 'm\ud800')).summary.totalTokens).toBe(2000);
  expect(errors).toEqual([]);
});

const anyName = fc.string({
  unit: fc.constantFrom('a', '/', '%', '2F', 'ud800', '\ud800', '\udc00', '\uffff', '\0'),
});

test('ids and names are told apart whatever they consist of', () => {
  fc.assert(
    fc.property(anyName, anyName, anyName, anyName, (a, b, c, d) => {
      expect(usageId(a, b) === usageId(c, d)).toBe(a === c && b === d);
      expect(Buffer.byteLength(usageId(a, b.repeat(200)))).toBeLessThanOrEqual(1024);
      expect(Buffer.from(keptName(a)).toString()).toBe(keptName(a));
      expect(keptName(a)).not.toContain('\0');
      expect(givenName(keptName(a))).toBe(a);
    }),
  );
});

test('the tool in the metadata of a usage is the one it is grouped by', async () => {
  const { tracker, reporter, report } = attached();
  for (const toolName of ['bash', 'bash', 'search', '', 7, 'x'.repeat(257)]) {
    await tracker.trackUsage(tracked({ metadata: { toolName, toolCallId: 'call' } }));
  }
  await tracker.trackUsage(tracked());
  await report(7);
  const { breakdown } = await reporter.getReport({
    ...{ startTime: new Date(0), endTime: new Date(Date.now() + 1000), granularity: 'monthly' },
    groupBy: ['tool'],
  });
  const tools = (breakdown ?? []).map(({ key, totalTokens }) => [key, totalTokens]);
  expect(Object.fromEntries(tools)).toEqual({ bash: 4000, search: 2000, unknown: 8000 });
});

test('two reporters of one file record a usage without a request id once', async () => {
  const folder = temporaryFolder('attached-twice');
  const tracker = new TokenBudgetTracker();
  const reporters = [1, 2].map(() => new UsageReporter({}, join(folder.path, 'usage.db')));
  for (const reporter of reporters) reporter.attach(tracker);
  for (let count = 0; count < 5; count += 1) await tracker.trackUsage(tracked());
  await tracker.close();
  await Promise.all(reporters.map(reporter => reporter.close()));
  const reader = new UsageReporter({}, join(folder.path, 'usage.db'));
  const { summary } = await reader.getReport({
    ...{ startTime: new Date(0), endTime: new Date(Date.now() + 1000), granularity: 'monthly' },
  });
  expect(summary.totalRecords).toBe(5);
  await reader.close();
  folder.remove();
});

test('what the tracker was told that it cost is what is reported', async () => {
  const calculator = new CostCalculator({
    unknownModel: 'unpriced',
    currencyRates: { CHF: '0.8', XXX: '2' },
  });
  const { tracker, reporter, errors, report } = attached(
    {
      currencyRates: { EUR: 0.92, CHF: 0.8, JPY: 150 },
      defaultBudget: { dailyCost: { amount: 1000, currency: 'USD' } },
    },
    calculator,
  );
  const cost = (amount: string | number, currency = 'USD') => ({ cost: { amount, currency } });
  await tracker.trackUsage(tracked({ requestId: '1', ...cost('1.00') }));
  await tracker.trackUsage(tracked({ requestId: '2', model: 'nobody-knows', ...cost(0.5) }));
  await tracker.trackUsage(tracked({ requestId: '3', ...cost('0.92', 'EUR') }));
  await tracker.trackUsage(tracked({ requestId: '4', ...cost('0.40', 'CHF') }));
  const { costEstimate } = await report(4);
  expect(costEstimate).toMatchObject({ totalCost: 3, unpricedRecords: 0 });
  const { cost: counted } = await tracker.getUsageStats('o', 'daily');
  expect(counted?.used.amount).toBe('3.00');
  const stored = [];
  for await (const one of reporter.listRecords({
    startTime: new Date(0),
    endTime: new Date(Date.now() + 1000),
  }))
    stored.push(one);
  // As gpt-4o divides it: 2.50 and 10 a million. Of who has no price, as the tokens do.
  expect(stored.map(one => [one.id, one.cost?.input, one.cost?.output])).toEqual([
    ['o/1', '0.2', '0.8'],
    ['o/2', '0.25', '0.25'],
    ['o/3', '0.184', '0.736'],
    ['o/4', '0.1', '0.4'],
  ]);
  // A currency that the reporter's calculator has no rate of: by the model, rather than not at all.
  await tracker.trackUsage(tracked({ requestId: '5', ...cost('150', 'JPY') }));
  expect((await report(5)).costEstimate.totalCost).toBe(3.0125);
  expect(errors).toEqual([]);
});
