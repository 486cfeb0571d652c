import type { ReportGroup } from '../../types/reports';
import type { LedgerQuery, LedgerRecord, LedgerSums } from '../source';

const COLUMNS = [
  ...['id', 'orchestrator_id', 'session_id', 'at_ms', 'model_id', 'provider', 'tool'],
  ...[
    'input_tokens',
    'output_tokens',
    'total_tokens',
    'input_pico',
    'output_pico',
    'currency',
    'priced',
    'extra',
  ],
];
const TYPES = [
  ...['text', 'text', 'text', 'bigint', 'text', 'text', 'text'],
  ...['bigint', 'bigint', 'bigint', 'numeric', 'numeric', 'text', 'boolean', 'text'],
];

export interface Statement {
  text: string;
  values: unknown[];
}

/** Inserts what is not there; answers the ids that it inserted. */
export function insertStatement(table: string, records: readonly LedgerRecord[]): Statement {
  const arrays = TYPES.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const names = COLUMNS.join(', ');
  return {
    text: `INSERT INTO ${table} (${names}) SELECT ${names} FROM unnest(${arrays}) AS given (${names})
      ON CONFLICT (id) DO NOTHING RETURNING id`,
    values: [
      ...[records.map(r => r.id), records.map(r => r.orchestratorId), records.map(r => r.sessionId)],
      ...[records.map(r => r.atMs), records.map(r => r.modelId), records.map(r => r.provider)],
      ...[records.map(r => r.tool), records.map(r => r.input), records.map(r => r.output)],
      ...[records.map(r => r.total), records.map(r => String(r.inputPico))],
      ...[records.map(r => String(r.outputPico)), records.map(r => r.currency)],
      ...[records.map(r => r.priced), records.map(r => r.extra)],
    ],
  };
}

export function findStatement(table: string, ids: readonly string[]): Statement {
  return { text: `SELECT ${COLUMNS.join(', ')} FROM ${table} WHERE id = ANY($1::text[])`, values: [ids] };
}

const KEYS: Record<ReportGroup | 'none', [key: string, detail: string]> = {
  none: ["''", "''"],
  orchestrator: ['orchestrator_id', "''"],
  session: ['session_id', "''"],
  model: ['model_id', 'provider'],
  tool: ['tool', "''"],
};

/** Sums as `LedgerSums` has them; the peak and its time are one array, of which the largest is the earliest peak. */
export function sumsStatement(
  table: string,
  query: LedgerQuery,
  groupBy: ReportGroup | 'none',
  boundariesMs: readonly number[] | undefined,
): Statement {
  const { where, values } = conditions(query);
  const [key, detail] = KEYS[groupBy];
  let bucket = 'NULL::bigint';
  if (boundariesMs !== undefined) {
    const boundaries = `$${values.push(boundariesMs)}::bigint[]`;
    bucket = `(${boundaries})[greatest(1, width_bucket(at_ms, ${boundaries}))]`;
  }
  return {
    text: `SELECT ${key} AS key, ${detail} AS detail, ${bucket} AS bucket_ms, currency, count(*) AS records,
        sum(input_tokens) AS input, sum(output_tokens) AS output, sum(total_tokens) AS total,
        sum(input_pico) AS input_pico, sum(output_pico) AS output_pico,
        count(*) FILTER (WHERE NOT priced) AS unpriced, max(ARRAY[total_tokens, -at_ms]) AS peak,
        min(at_ms) AS first_at_ms, max(at_ms) AS last_at_ms
      FROM ${table} WHERE ${where} GROUP BY 1, 2, 3, 4`,
    values,
  };
}

export function countStatement(table: string, query: LedgerQuery, of: 'orchestrator' | 'session'): Statement {
  const { where, values } = conditions(query);
  return { text: `SELECT count(DISTINCT ${KEYS[of][0]}) AS count FROM ${table} WHERE ${where}`, values };
}

/** The place behind which a page begins. */
export interface Place {
  atMs: number;
  /** A bigint as text. */
  seq: string;
}

export function pageStatement(
  table: string,
  query: LedgerQuery,
  after: Place | undefined,
  limit: number,
): Statement {
  const { where, values } = conditions(query);
  const behind =
    after === undefined
      ? ''
      : ` AND (at_ms, seq) > ($${values.push(after.atMs)}::bigint, $${values.push(after.seq)}::bigint)`;
  return {
    text: `SELECT seq, ${COLUMNS.join(', ')} FROM ${table} WHERE ${where}${behind}
      ORDER BY at_ms, seq LIMIT $${values.push(limit)}`,
    values,
  };
}

/** The oldest first; who deletes the same at the same time waits for nobody. */
export function deleteStatement(table: string, beforeMs: number, limit: number): Statement {
  return {
    text: `DELETE FROM ${table} WHERE id IN (
        SELECT id FROM ${table} WHERE at_ms < $1::bigint ORDER BY at_ms, seq LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    values: [beforeMs, limit],
  };
}

function conditions({ startMs, endMs, orchestratorId, sessionId }: LedgerQuery): {
  where: string;
  values: unknown[];
} {
  const values: unknown[] = [startMs, endMs];
  let where = 'at_ms >= $1::bigint AND at_ms <= $2::bigint';
  if (orchestratorId !== undefined) where += ` AND orchestrator_id = $${values.push(orchestratorId)}`;
  if (sessionId !== undefined) where += ` AND session_id = $${values.push(sessionId)}`;
  return { where, values };
}

// biome-ignore lint/suspicious/noExplicitAny: a row of the statements above
type Row = any;

export function recordOfRow(row: Row): LedgerRecord {
  return {
    ...{
      id: row.id,
      orchestratorId: row.orchestrator_id,
      sessionId: row.session_id,
      atMs: Number(row.at_ms),
    },
    ...{ modelId: row.model_id, provider: row.provider, tool: row.tool },
    ...{
      input: Number(row.input_tokens),
      output: Number(row.output_tokens),
      total: Number(row.total_tokens),
    },
    ...{ inputPico: BigInt(row.input_pico), outputPico: BigInt(row.output_pico), currency: row.currency },
    ...{ priced: row.priced, extra: row.extra },
  };
}

export function sumsOfRow(row: Row): LedgerSums {
  // A bigint array, which the driver gives as texts or, when told so, as numbers.
  const [peak, minusAtMs] = row.peak as [unknown, unknown];
  return {
    ...{ key: row.key, detail: row.detail, currency: row.currency, records: Number(row.records) },
    ...(row.bucket_ms !== null && { bucketMs: Number(row.bucket_ms) }),
    ...{ input: Number(row.input), output: Number(row.output), total: Number(row.total) },
    ...{ inputPico: BigInt(row.input_pico), outputPico: BigInt(row.output_pico) },
    ...{ unpriced: Number(row.unpriced), peak: Number(peak), peakAtMs: -Number(minusAtMs) },
    ...{ firstAtMs: Number(row.first_at_ms), lastAtMs: Number(row.last_at_ms) },
  };
}
