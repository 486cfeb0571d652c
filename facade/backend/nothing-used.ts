import type { Amounts } from '../arguments';

/** What the settle of a reservation says that nobody used. */
export const NOTHING_USED: Amounts = {
  total: 0,
  prompt: 0,
  completion: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  model: '',
  sessionId: '',
  requestId: null,
  costMicros: 0,
};
