import type { Anomaly } from '../../types/reports';

/** How far it is beyond the threshold. */
export function severityOf(deviation: number, threshold: number): Anomaly['severity'] {
  if (deviation > threshold * 2) return 'critical';
  return deviation > threshold * 1.5 ? 'high' : 'medium';
}

export const SEVERITIES: readonly Anomaly['severity'][] = ['low', 'medium', 'high', 'critical'];
