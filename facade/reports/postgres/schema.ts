import { TokenBudgetError } from '../../errors';
import type { PostgresClient, PostgresPool } from './pool';

/** Grows with each step that is added to `STEPS`. */
const STEPS: readonly ((table: string, index: (what: string) => string) => string[])[] = [
  (table, index) => [
    `CREATE TABLE ${table} (
      seq bigint GENERATED ALWAYS AS IDENTITY,
      id text PRIMARY KEY,
      orchestrator_id text NOT NULL,
      session_id text NOT NULL,
      at_ms bigint NOT NULL,
      model_id text NOT NULL,
      provider text NOT NULL,
      tool text NOT NULL,
      input_tokens bigint NOT NULL,
      output_tokens bigint NOT NULL,
      total_tokens bigint NOT NULL,
      input_pico numeric(39, 0) NOT NULL,
      output_pico numeric(39, 0) NOT NULL,
      currency text NOT NULL,
      priced boolean NOT NULL,
      extra text NOT NULL
    )`,
    `CREATE INDEX ${index('at')} ON ${table} (at_ms, seq)`,
    `CREATE INDEX ${index('orchestrator')} ON ${table} (orchestrator_id, at_ms, seq)`,
    `CREATE INDEX ${index('session')} ON ${table} (session_id, at_ms, seq)`,
  ],
];

/** Locks are numbers in PostgreSQL; this one is of this package. */
const LOCK = 0x746b_6275;

/** Brings the tables up to date, in one transaction; others that do the same wait for it, and find nothing to do. */
export async function migrate(pool: PostgresPool, schema: string, table: string): Promise<void> {
  const client = await pool.connect();
  let failure: unknown;
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await steps(client, schema, table);
    await client.query('COMMIT');
  } catch (error) {
    failure = error;
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    // A connection of which nobody knows where it stands is not given back.
    client.release(failure instanceof Error ? failure : undefined);
  }
}

async function steps(client: PostgresClient, schema: string, table: string): Promise<void> {
  const name = `${quoted(schema)}.${quoted(table)}`;
  const versions = `${quoted(schema)}.${quoted(`${table}_migrations`)}`;
  // Asked first: a user without the right to create a schema may have been given one.
  const { rows: schemas } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (schemas.length === 0) await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${versions} (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows } = await client.query(`SELECT coalesce(max(version), 0) AS version FROM ${versions}`);
  const version = Number(rows[0]?.version);
  if (version > STEPS.length) {
    const message = `table: a newer version of this package has made ${table} (${version} > ${STEPS.length})`;
    throw new TokenBudgetError('INVALID_CONFIG', message, { field: 'table' });
  }
  for (const [index, step] of STEPS.entries()) {
    if (index < version) continue;
    for (const sql of step(name, what => quoted(`${table}_${what}`))) await client.query(sql);
    await client.query(`INSERT INTO ${versions} (version) VALUES ($1)`, [index + 1]);
  }
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
