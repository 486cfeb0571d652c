export type Currency = 'USD' | 'EUR' | 'GBP';

/** What a model costs, per million tokens. */
export interface ModelPricing {
  modelId: string;
  provider: 'anthropic' | 'openai' | 'google' | 'custom';
  inputTokenCost: number;
  outputTokenCost: number;
  currency: Currency;
  effectiveDate: Date;
}

/** One usage, for reports. */
export interface TokenUsageRecord {
  id: string;
  orchestratorId: string;
  sessionId: string;
  timestamp: Date;
  modelId: string;
  provider: string;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  toolName?: string;
  toolCallId?: string;
  metadata?: Record<string, unknown>;
}

/** Of which time and whose usage the cost is asked for. */
export interface CostParams {
  orchestratorId?: string;
  sessionId?: string;
  startTime: Date;
  endTime: Date;
  currency?: Currency;
  includeProjection?: boolean;
}

export interface CostEstimate {
  totalCost: number;
  currency: string;
  breakdown: CostBreakdown[];
  projection?: CostProjection;
}

export interface CostBreakdown {
  modelId: string;
  provider: string;
  inputTokens: number;
  outputTokens: number;
  inputCost: number;
  outputCost: number;
  totalCost: number;
  percentage: number;
}

export interface CostProjection {
  projectionPeriod: 'daily' | 'weekly' | 'monthly';
  projectedCost: number;
  confidence: number;
  basedOnDays: number;
}
