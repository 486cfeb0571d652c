import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TokenUsageRecord, UsageStorage } from '@wundr.io/token-budget/budget';
import { publishedBudgetFolder } from '../support/published';

export type Usage = TokenUsageRecord;

// biome-ignore lint/suspicious/noExplicitAny: the published classes are compared by what they answer
type Published = any;

/** The published module, compiled as it was published. */
export function published(): {
  UsageReporter: Published;
  CostCalculator: Published;
  UsageReporterConfigSchema: Published;
} {
  return require(publishedBudgetFolder());
}

/** A storage as the published interface asks for it, which both reporters read. */
export function memoryStorage(records: Usage[] = []): UsageStorage & { records: Usage[] } {
  return {
    records,
    async saveUsageRecord(record) {
      records.push(record);
    },
    async getUsageRecords({ orchestratorId, sessionId, startTime, endTime }) {
      return records.filter(
        record =>
          (!orchestratorId || record.orchestratorId === orchestratorId) &&
          (!sessionId || record.sessionId === sessionId) &&
          record.timestamp >= startTime &&
          record.timestamp <= endTime,
      );
    },
    async deleteOldRecords(olderThan) {
      const kept = records.filter(record => record.timestamp >= olderThan);
      return records.length - records.splice(0, records.length, ...kept).length + kept.length;
    },
  };
}

let made = 0;

export function usage(fields: Partial<Usage> = {}): Usage {
  made += 1;
  const { inputTokens = 1000, outputTokens = 200 } = fields;
  return {
    ...{ id: `usage-${made}`, orchestratorId: 'orchestrator-1', sessionId: 'session-1' },
    ...{ timestamp: new Date('2026-03-02T10:30:00Z'), modelId: 'claude-sonnet-4-5', provider: 'anthropic' },
    ...{ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
    ...fields,
  };
}

const MODELS = [
  ['claude-sonnet-4-5', 'anthropic'],
  ['claude-3-haiku', 'anthropic'],
  ['gpt-4-turbo', 'openai'],
  ['gpt-3.5-turbo', 'openai'],
  ['gemini-pro', 'google'],
] as const;
const TOOLS = ['search', 'write', undefined];

const traces = resolve(__dirname, '../../../shared/data');
/** The traces are kept beside the project, and not in it. */
export const hasTraces = existsSync(join(traces, 'azure-llm-conv-2023.csv'));

/** A real trace; who made the calls and with what is made up, the same each time. */
export function realTraffic(name: 'conv' | 'code', shiftMs = 0): Usage[] {
  const text = readFileSync(join(traces, `azure-llm-${name}-2023.csv`), 'utf8');
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line, index) => {
      const [at = '', input, output] = line.split(',');
      const [modelId, provider] = MODELS[(index * 7) % MODELS.length] as (typeof MODELS)[number];
      const toolName = TOOLS[index % TOOLS.length];
      return usage({
        ...{ id: `${name}-${index}`, orchestratorId: `orchestrator-${index % 4}` },
        ...{ sessionId: `session-${Math.floor(index / 50)}`, modelId, provider },
        timestamp: new Date(Date.parse(`${at.slice(0, 23).replace(' ', 'T')}Z`) + shiftMs),
        ...{ inputTokens: Number(input), outputTokens: Number(output) },
        ...(toolName !== undefined && { toolName }),
      });
    });
}
