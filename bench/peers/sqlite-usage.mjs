import { join } from 'node:path';

const COLUMNS = `id TEXT PRIMARY KEY, orchestrator TEXT NOT NULL, session TEXT NOT NULL, at_ms INTEGER NOT NULL,
  model TEXT NOT NULL, provider TEXT NOT NULL, tool TEXT NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
  total INTEGER NOT NULL, input_pico INTEGER NOT NULL, output_pico INTEGER NOT NULL`;
/** Pico-dollars per token: what it does not look up is to its advantage. */
const INPUT_PRICE = 3_000_000;
const OUTPUT_PRICE = 15_000_000;
const TOTALS = `COUNT(*) AS records, SUM(input) AS input, SUM(output) AS output, SUM(total) AS total,
  CAST(SUM(input_pico + output_pico) AS REAL) AS pico`;
const WITHIN = 'FROM usage WHERE at_ms BETWEEN ? AND ?';

/**
 * Usage as rows of one table, each once by its id, by better-sqlite3: what one writes without a ledger. `undefined` where it
 * could not be compiled. Everything holds up the thread.
 */
export async function openUsageTable(folder) {
  let Database;
  try {
    ({ default: Database } = await import('better-sqlite3'));
  } catch {
    return undefined;
  }
  const database = new Database(join(folder, 'table.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(`CREATE TABLE IF NOT EXISTS usage (${COLUMNS})`);
  database.exec('CREATE INDEX IF NOT EXISTS usage_at ON usage (at_ms)');
  const statement = database.prepare(
    'INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
  );
  const insert = usage =>
    statement.run(
      ...[usage.id, usage.orchestratorId, usage.sessionId, usage.timestamp.getTime(), usage.modelId],
      ...[usage.provider, usage.toolName ?? '', usage.inputTokens, usage.outputTokens, usage.totalTokens],
      ...[usage.inputTokens * INPUT_PRICE, usage.outputTokens * OUTPUT_PRICE],
    );
  const models = database.prepare(`SELECT model, provider, ${TOTALS} ${WITHIN} GROUP BY model, provider`);
  const days = database.prepare(`SELECT at_ms / 86400000 AS day, ${TOTALS} ${WITHIN} GROUP BY day`);
  const distinct = database.prepare(
    `SELECT COUNT(DISTINCT orchestrator) AS orchestrators, COUNT(DISTINCT session) AS sessions ${WITHIN}`,
  );
  const peak = database.prepare(`SELECT total, at_ms ${WITHIN} ORDER BY total DESC, at_ms LIMIT 1`);
  return {
    insert,
    insertAll: database.transaction(usages => {
      for (const usage of usages) insert(usage);
    }),
    /** The sums of each model: one query. */
    byModel: ({ startMs, endMs }) => models.all(startMs, endMs),
    /** What a report tells besides: who was there, the greatest usage, each day. */
    report: ({ startMs, endMs }) => ({
      models: models.all(startMs, endMs),
      days: days.all(startMs, endMs),
      distinct: distinct.get(startMs, endMs),
      peak: peak.get(startMs, endMs),
    }),
    close: () => database.close(),
  };
}
