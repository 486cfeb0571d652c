/** Killed at any moment: nothing that was acknowledged is lost. */
import { join } from 'node:path';
import { runProcess, type WorkerProcess } from '../support/process';
import { eventually, type TemporaryFolder, temporaryFolder } from '../support/system';

const ROUNDS = 24;
const LANES = 3;
const REPORTS_MIN = 60;

interface Report {
  kind: 'usage' | 'held' | 'ended' | 'permit' | 'settled' | 'picked' | 'failed';
  requestId?: string;
  tokens?: number;
  reservationId?: string;
}

interface Sight {
  used: number;
  requestIds: string[];
  held: string[];
  ended: string[];
  endedTokens: number;
  requests: number;
  tokens: number;
  views: Array<{ resources: Array<{ remaining: number | null }> }>;
}

let folder: TemporaryFolder;
beforeAll(() => {
  folder = temporaryFolder('kill');
});
afterAll(() => folder.remove());

let worker: WorkerProcess | undefined;
afterEach(() => worker?.kill());

async function open(path: string): Promise<WorkerProcess> {
  const worker = runProcess('storage.cjs');
  await worker.call('open', { path, options: { connectTimeout: 20_000, commandTimeout: 20_000 } });
  return worker;
}

test('24 processes in a row, each killed in the midst of its calls', async () => {
  const path = join(folder.path, 'state.db');
  const acknowledged: Report[] = [];
  const of = (kind: Report['kind']) => acknowledged.filter(report => report.kind === kind);
  const sum = (reports: Report[]) => reports.reduce((total, { tokens = 0 }) => total + tokens, 0);
  // What was asked for and not answered may be there or not, as what was answered and not heard of here.
  const doubt = (rounds: number) => 10 * rounds * LANES;

  const first = await open(path);
  await first.call('tellQuota', { remaining: 900_000 });
  await first.kill();

  for (let round = 1; round <= ROUNDS; round++) {
    worker = await open(path);
    const sight = await worker.call<Sight>('look');
    const stored = new Set(sight.requestIds);
    expect(stored.size).toBe(sight.requestIds.length);
    expect(of('usage').filter(({ requestId = '' }) => !stored.has(requestId))).toEqual([]);
    expect(sight.used).toBeGreaterThanOrEqual(sum(of('usage')));
    expect(sight.used).toBeLessThanOrEqual(sum(of('usage')) + 5 * doubt(round));
    const held = new Set(sight.held);
    expect(of('held').filter(({ reservationId = '' }) => !held.has(reservationId))).toEqual([]);
    expect(held.size).toBeLessThanOrEqual(of('held').length + doubt(round));
    // What was ended is not held again, and what it used is counted.
    const ended = new Set(of('ended').map(({ reservationId }) => reservationId));
    expect(sight.ended.filter(id => ended.has(id))).toEqual([]);
    expect(sight.endedTokens).toBeGreaterThanOrEqual(2 * ended.size);
    // Windows of the limiter: a permit counts what it was held for, or what it used.
    const permits = of('permit').length + of('settled').length;
    expect(sight.requests).toBeGreaterThanOrEqual(permits);
    expect(sight.requests).toBeLessThanOrEqual(permits + 2 * doubt(round));
    expect(sight.tokens).toBeGreaterThanOrEqual(6 * of('permit').length + 9 * of('settled').length);
    const remaining = sight.views[0]?.resources[0]?.remaining ?? Number.NaN;
    expect(remaining).toBeLessThanOrEqual(900_000 - of('picked').length);
    expect(remaining).toBeGreaterThanOrEqual(900_000 - of('picked').length - doubt(round));

    const { call, kill, reports } = worker;
    await call('load', { run: round, lanes: LANES });
    const some = REPORTS_MIN + Math.floor(Math.random() * REPORTS_MIN);
    await eventually('acknowledged operations', () => (reports().length >= some ? true : undefined));
    await kill();
    acknowledged.push(...(reports() as Report[]));
    expect(of('failed')).toEqual([]);
  }
  expect(of('usage').length).toBeGreaterThan(ROUNDS);
  expect(of('picked').length).toBeGreaterThan(ROUNDS);
}, 240_000);
