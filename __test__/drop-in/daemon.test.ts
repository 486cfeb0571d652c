/** The published daemon, as it was compiled, over our tracker: real processes, a real Redis. */
import { type RedisServer, startRedis } from '../support/redis';
import { freePort } from '../support/system';
import { makeProject, type Project, PUBLISHED, REGISTER } from './support/project';

let redis: RedisServer;
let project: Project;

/**
 * Three sessions of one orchestrator, each using 1,000 tokens of 2,500, and one of another that fails. The model
 * answers when the budget has spoken: a session of this daemon works at once.
 */
const DAEMON = `
const keyPrefix = process.argv[2];
const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 2500 },
  orchestratorBudgets: {},
  thresholds: [0.5, 1.0],
  reservationTTL: 60_000,
  enableOverrides: true,
  redis: { host: process.env.REDIS_HOST, port: Number(process.env.REDIS_PORT), keyPrefix },
});
const daemon = new OrchestratorDaemon({ name: 'test', host: '127.0.0.1', port: Number(process.env.DAEMON_PORT), maxSessions: 10 });
const told = { ours: TokenBudgetTracker === own.TokenBudgetTracker && Root === own.TokenBudgetTracker, errors: [], stopped: [], thresholds: [] };
tracker.on('threshold:50', event => told.thresholds.push(event.threshold));

let spoken = () => {};
globalThis.beforeAnswer = () => new Promise(resolve => { spoken = resolve; });
tracker.on('reservation:created', () => spoken());
daemon.sessionManager.on('session:stopped', session => { told.stopped.push(session.task.id); spoken(); });

const detach = own.attachBudget(daemon, tracker, {
  estimate: 1000,
  model: 'gpt-5-mini',
  onError: error => told.errors.push(String(error)),
});
await daemon.start();
for (const [orchestratorId, id, description] of [
  ['one', 'first', 'work'], ['one', 'second', 'work'], ['two', 'fails', 'fail'], ['one', 'third', 'work'],
]) {
  const at = new Date();
  await daemon.spawnSession(orchestratorId, { id, type: 'general', description, priority: 'low', status: 'pending', createdAt: at, updatedAt: at });
}
await daemon.stop();
await detach();
for (const id of ['one', 'two']) {
  const { totalUsed, reservedTokens, activeReservations, topModels } = await tracker.getUsageStats(id, 'hourly');
  told[id] = { totalUsed, reservedTokens, activeReservations, topModels };
}
await tracker.disconnect();
console.log('@@' + JSON.stringify(told));
// A timer of the daemon goes on after stop(), with its own tracker as well.
process.exit();
`;

beforeAll(async () => {
  redis = await startRedis();
  project = makeProject();
  project.write(
    'daemon.mjs',
    `import { OrchestratorDaemon, TokenBudgetTracker as Root } from '${PUBLISHED}';
import { TokenBudgetTracker } from '${PUBLISHED}/budget';
import * as own from '@wundr.io/token-budget/budget';
${DAEMON}`,
  );
  project.write(
    'daemon.cjs',
    `const { OrchestratorDaemon, TokenBudgetTracker: Root } = require('${PUBLISHED}');
const { TokenBudgetTracker } = require('${PUBLISHED}/budget');
const own = require('@wundr.io/token-budget/budget');
(async () => {${DAEMON}})();`,
  );
});
afterAll(() => Promise.all([redis.stop(), project.remove()]));

test.each([
  ['--import', 'daemon.mjs'],
  ['--require', 'daemon.cjs'],
])('its sessions live within a budget, under %s in %s', async (how, program) => {
  const keyPrefix = `drop-in-${program}`;
  const env = {
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    DAEMON_PORT: String(await freePort()),
  };
  const { code, told, output } = await project.node([how, REGISTER, program, keyPrefix], { env });
  expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  expect(told).toEqual([
    {
      ours: true,
      errors: [],
      thresholds: [0.5],
      // The third was told to stop, and this daemon lets it finish: what it used counts all the same.
      stopped: ['third'],
      one: {
        totalUsed: 3000,
        reservedTokens: 0,
        activeReservations: 0,
        topModels: [{ model: 'gpt-5-mini', tokens: 3000, percentage: 100 }],
      },
      two: { totalUsed: 0, reservedTokens: 0, activeReservations: 0, topModels: [] },
    },
  ]);
  const used = await redis.command('GET', `${keyPrefix}:budget:one:hourly:usage`);
  expect(used).toBe('3000');
});

test('the tracker document’s program runs as it is written, against our tracker', async () => {
  project.write(
    'document.mjs',
    `import { EventEmitter } from 'node:events';
import { TokenBudgetTracker } from '${PUBLISHED}/budget';
const daemon = new EventEmitter();
const stopped = [];
daemon.stopSession = async id => { stopped.push(id); };
const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 12_000 },
  thresholds: [0.5, 0.75, 0.9, 1.0],
  reservationTTL: 60_000,
  enableOverrides: true,
  redis: { host: process.env.REDIS_HOST, port: Number(process.env.REDIS_PORT), keyPrefix: 'document' },
});
const turns = [];
daemon.on('session:spawned', session => turns.push((async () => {
  const check = await tracker.checkBudget(session.orchestratorId, 10000, 'hourly');
  if (!check.allowed) await daemon.stopSession(session.id);
})()));
daemon.on('session:completed', session => turns.push(tracker.trackUsage({
  orchestratorId: session.orchestratorId,
  sessionId: session.id,
  timestamp: new Date(),
  promptTokens: session.metrics.promptTokens,
  completionTokens: session.metrics.completionTokens,
  totalTokens: session.metrics.tokensUsed,
  model: session.model,
})));
for (const id of ['session-1', 'session-2']) {
  const session = { id, orchestratorId: 'orchestrator-1', model: 'claude-sonnet-4.5', metrics: { promptTokens: 4000, completionTokens: 1000, tokensUsed: 5000 } };
  daemon.emit('session:spawned', session);
  await Promise.all(turns);
  if (!stopped.includes(id)) daemon.emit('session:completed', session);
  await Promise.all(turns);
}
const { totalUsed, percentUsed } = await tracker.getUsageStats('orchestrator-1', 'hourly');
const healthy = await tracker.healthCheck();
await tracker.disconnect();
console.log('@@' + JSON.stringify({ stopped, totalUsed, percentUsed, healthy }));`,
  );
  const env = { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) };
  const { told, output } = await project.node(['--import', REGISTER, 'document.mjs'], { env });
  expect(told).toEqual([
    { stopped: ['session-2'], totalUsed: 5000, percentUsed: (5000 / 12_000) * 100, healthy: true },
  ]);
  // The published tracker prints.
  expect(output.split('\n').filter(line => !line.startsWith('@@'))).toEqual(['']);
});

test('four daemons share one budget: exactly as many sessions go on as fit', async () => {
  project.write(
    'fleet.mjs',
    `import { EventEmitter } from 'node:events';
import { TokenBudgetTracker } from '${PUBLISHED}/budget';
import { attachBudget } from '@wundr.io/token-budget/budget';
const tracker = new TokenBudgetTracker({
  defaultBudget: { hourly: 1000 },
  redis: { host: process.env.REDIS_HOST, port: Number(process.env.REDIS_PORT), keyPrefix: 'fleet' },
});
const daemon = new EventEmitter();
let stopped = 0;
daemon.stopSession = async () => { stopped += 1; };
const detach = attachBudget(daemon, tracker, { estimate: 100 });
for (let n = 0; n < 25; n++) daemon.emit('session:spawned', { id: process.pid + '-' + n, orchestratorId: 'shared' });
await detach();
await tracker.disconnect();
console.log('@@' + stopped);`,
  );
  const env = { REDIS_HOST: redis.host, REDIS_PORT: String(redis.port) };
  const daemons = Array.from({ length: 4 }, () => project.node(['--import', REGISTER, 'fleet.mjs'], { env }));
  const stopped = (await Promise.all(daemons)).map(({ told }) => told[0] as number);
  expect(stopped.reduce((sum, one) => sum + one, 0)).toBe(90);
  expect(await redis.command('GET', 'fleet:budget:shared:hourly:reservations:total')).toBe('1000');
});
