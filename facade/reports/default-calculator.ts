import type { ReportCalculator } from './cost-source';

/** Nobody knows a price. */
export function defaultCalculator(): ReportCalculator {
  return {
    calculateCostEstimate: (_records, currency = 'USD') => ({ totalCost: 0, currency, breakdown: [] }),
    convertCurrency: amount => amount,
  };
}
