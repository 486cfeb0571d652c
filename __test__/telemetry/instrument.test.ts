/** What a tracker tells OpenTelemetry, collected by its own SDK. */
import { inspect } from 'node:util';
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { TokenBudgetTracker } from '@wundr.io/token-budget/budget';
import { instrumentTracker } from '@wundr.io/token-budget/telemetry';
import { start } from '../support/system';

let provider: MeterProvider;
let exporter: InMemoryMetricExporter;
let tracker: TokenBudgetTracker;

beforeEach(() => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
  tracker = new TokenBudgetTracker({ defaultBudget: { hourly: 1000 }, thresholds: [0.5, 1] });
});
afterEach(async () => {
  await provider.shutdown();
  await tracker.close();
});

/** Metrics of the latest collection by name. */
async function collect() {
  exporter.reset();
  await provider.forceFlush();
  const all = exporter.getMetrics().flatMap(one => one.scopeMetrics.flatMap(({ metrics: of }) => of));
  return new Map(all.map(metric => [metric.descriptor.name, metric]));
}

function usage(part: object = {}) {
  return {
    ...{ orchestratorId: 'a', sessionId: 's', timestamp: new Date(), model: 'claude-sonnet-4-5' },
    ...{ promptTokens: 300, completionTokens: 100, totalTokens: 400 },
    ...part,
  };
}

test('gen_ai.client.token.usage, as the convention has it', async () => {
  instrumentTracker(tracker, { meter: provider.getMeter('test') });
  await tracker.trackUsage(usage());
  await tracker.trackUsage(usage({ promptTokens: 5, completionTokens: 0, totalTokens: 5 }));
  const metric = (await collect()).get('gen_ai.client.token.usage');
  expect(metric?.descriptor).toMatchObject({ unit: '{token}' });
  const points = metric?.dataPoints as DataPoint<Histogram>[];
  expect(points.map(({ attributes, value }) => [attributes, value.count, value.sum])).toEqual([
    [
      {
        ...{
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'anthropic',
          'gen_ai.token.type': 'input',
        },
        ...{ 'gen_ai.request.model': 'claude-sonnet-4-5', 'token_budget.orchestrator.id': 'a' },
      },
      2,
      305,
    ],
    [expect.objectContaining({ 'gen_ai.token.type': 'output' }), 1, 100],
  ]);
  // Powers of four, from 1 to 67,108,864.
  expect(points[0]?.value.buckets.boundaries).toEqual(Array.from({ length: 14 }, (_, power) => 4 ** power));
});

test('tokens nobody told apart are counted, and no usage of either type', async () => {
  instrumentTracker(tracker, { meter: provider.getMeter('test') });
  const { reservationId } = await tracker.reserveTokens('a', 100);
  await tracker.releaseReservation(reservationId as string, 70, { model: 'gpt-5' });
  const found = await collect();
  expect(found.get('token_budget.recorded')?.dataPoints).toMatchObject([
    { attributes: { 'token_budget.orchestrator.id': 'a', 'gen_ai.request.model': 'gpt-5' }, value: 70 },
  ]);
  expect(found.get('gen_ai.client.token.usage')?.dataPoints ?? []).toEqual([]);
});

test('windows, refusals and thresholds', async () => {
  instrumentTracker(tracker, { meter: provider.getMeter('test'), attributes: { fleet: 'blue' } });
  await tracker.trackUsage(usage({ promptTokens: 600, completionTokens: 0, totalTokens: 600 }));
  await tracker.reserveTokens('a', 100);
  await tracker.reserveTokens('a', 1000);
  const found = await collect();
  const hour = { fleet: 'blue', 'token_budget.orchestrator.id': 'a', 'token_budget.period': 'hourly' };
  const hourOf = (name: string) =>
    found.get(name)?.dataPoints.find(({ attributes }) => attributes['token_budget.period'] === 'hourly');
  expect(hourOf('token_budget.window.used')).toMatchObject({ attributes: hour, value: 600 });
  expect(hourOf('token_budget.window.reserved')).toMatchObject({ attributes: hour, value: 100 });
  expect(hourOf('token_budget.window.limit')).toMatchObject({ attributes: hour, value: 1000 });
  expect(found.get('token_budget.window.limit')?.dataPoints).toHaveLength(1);
  expect(hourOf('token_budget.denied')).toMatchObject({
    attributes: { ...hour, 'token_budget.source': 'reserve' },
    value: 1,
  });
  expect(hourOf('token_budget.threshold.crossings')).toMatchObject({
    attributes: { ...hour, 'token_budget.threshold': 0.5, 'token_budget.threshold.unit': 'tokens' },
    value: 1,
  });
});

test('thresholds of money are told apart', async () => {
  const hourlyCost = { amount: '1', currency: 'USD' };
  const spending = new TokenBudgetTracker({ defaultBudget: { hourly: 1000, hourlyCost }, thresholds: [0.5] });
  try {
    instrumentTracker(spending, { meter: provider.getMeter('test') });
    await spending.trackUsage(usage({ cost: { amount: '0.60', currency: 'USD' } }));
    expect((await collect()).get('token_budget.threshold.crossings')?.dataPoints).toMatchObject([
      { attributes: { 'token_budget.threshold': 0.5, 'token_budget.threshold.unit': 'cost' }, value: 1 },
    ]);
  } finally {
    await spending.close();
  }
});

test.each([
  ['claude-opus-4-1', 'anthropic'],
  ['anthropic/claude-3', 'anthropic'],
  ['gpt-5-mini', 'openai'],
  ['o3', 'openai'],
  ['o3-mini', 'openai'],
  ['gemini-2.5-pro', 'gcp.gemini'],
  ['mistral-large', 'mistral_ai'],
  ['grok-4', 'x_ai'],
  ['deepseek-chat', 'deepseek'],
  ['o365-helper', '_OTHER'],
  ['my-own-model', '_OTHER'],
])('%s is served by %s, when nobody says otherwise', async (model, expected) => {
  instrumentTracker(tracker, { meter: provider.getMeter('test') });
  await tracker.trackUsage(usage({ model }));
  const [point] = (await collect()).get('gen_ai.client.token.usage')?.dataPoints ?? [];
  expect(point?.attributes['gen_ai.provider.name']).toBe(expected);
});

test('names of one’s own, and no series for each orchestrator', async () => {
  instrumentTracker(tracker, {
    ...{ meter: provider.getMeter('test'), operationName: 'embeddings', orchestrators: false },
    providerName: ({ metadata }) => String(metadata?.provider),
  });
  await tracker.trackUsage(usage({ metadata: { provider: 'aws.bedrock' } }));
  const found = await collect();
  const [point] = found.get('gen_ai.client.token.usage')?.dataPoints ?? [];
  expect(point?.attributes).toEqual({
    ...{ 'gen_ai.operation.name': 'embeddings', 'gen_ai.provider.name': 'aws.bedrock' },
    ...{ 'gen_ai.request.model': 'claude-sonnet-4-5', 'gen_ai.token.type': 'input' },
  });
  expect([...found.keys()].filter(name => name.startsWith('token_budget.window'))).toEqual([]);
});

test('ended, it tells nothing more and listens to nothing', async () => {
  const stop = instrumentTracker(tracker, { meter: provider.getMeter('test') });
  await tracker.trackUsage(usage());
  stop();
  stop();
  expect(tracker.eventNames()).toEqual([]);
  await tracker.trackUsage(usage());
  const [point] = (await collect()).get('token_budget.recorded')?.dataPoints ?? [];
  expect(point?.value).toBe(400);
});

test('a store that is away leaves a gap', async () => {
  instrumentTracker(tracker, { meter: provider.getMeter('test') });
  await tracker.trackUsage(usage());
  await tracker.close();
  expect((await collect()).get('token_budget.window.used')?.dataPoints ?? []).toEqual([]);
});

test('without a meter: that of the global provider', async () => {
  metrics.setGlobalMeterProvider(provider);
  try {
    instrumentTracker(tracker);
    await tracker.trackUsage(usage());
    expect((await collect()).has('gen_ai.client.token.usage')).toBe(true);
  } finally {
    metrics.disable();
  }
});

test('without @opentelemetry/api: an error that names it, and only when it is needed', async () => {
  const child = await start(process.execPath, [
    '-e',
    `const Module = require('node:module');
     const load = Module._load;
     Module._load = (name, ...rest) => {
       if (name === '@opentelemetry/api') throw Object.assign(new Error('gone'), { code: 'MODULE_NOT_FOUND' });
       return load(name, ...rest);
     };
     const { TokenBudgetTracker, instrumentTracker } = require('./dist/index.js');
     try { instrumentTracker(new TokenBudgetTracker()); } catch ({ code, field, message }) { console.log(code, field, message); }`,
  ]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe(
    'INVALID_CONFIG meter meter: expected a Meter, or the package @opentelemetry/api, which cannot be loaded (npm install @opentelemetry/api)\n',
  );
});

test.each([
  [{ meter: {} }, 'meter'],
  [{ meter: 1 }, 'meter'],
  [{ providerName: 5 }, 'providerName'],
  [{ operationName: 5 }, 'operationName'],
  [{ orchestrators: 'no' }, 'orchestrators'],
  [{ attributes: 'x' }, 'attributes'],
  [{ metre: 1 }, 'metre'],
])('%j is refused, naming %s', (options, field) => {
  let error: unknown;
  try {
    instrumentTracker(tracker, options as never);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'INVALID_CONFIG', field });
  expect(inspect(error)).toContain(field);
  expect(tracker.eventNames()).toEqual([]);
});
