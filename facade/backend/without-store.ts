/** What `onStoreError` answers to a reservation. */
import { deniedAnswer, grantedAnswer } from '../answers';
import { crypto } from '../crypto';
import type { Announcer } from '../events';
import { encodeIdentifier } from '../native';
import type { BudgetCheck } from '../types/budget';
import type { BudgetDeniedEvent } from '../types/events';
import type { ReservationResult } from '../types/reservation';
import { VIEW_LENGTH } from './protocol';

const UNLIMITED = -1;
const NONE = -1;
const ID_BYTES = 16;

/** A grant holds nothing; the usage it ends with is recorded. */
export function reserveWithoutStore(
  isAllowed: boolean,
  orchestratorId: string,
  tokens: number,
  periods: number,
  nowMs: number,
): ReservationResult {
  if (!isAllowed) {
    const numbers = new Float64Array(1 + VIEW_LENGTH).fill(NONE);
    // The shortest period that was asked for.
    numbers[0] = 31 - Math.clz32(periods & -periods);
    return deniedAnswer(numbers, 0, tokens, true, 0, '');
  }
  const id = unheldId(orchestratorId);
  const numbers = Float64Array.of(nowMs, nowMs, UNLIMITED);
  const granted = grantedAnswer(numbers, 0, id, orchestratorId, tokens, periods, 0, '');
  granted.storeUnavailable = true;
  return granted;
}

/** As the addon makes them: see `src/domain/identifier/unheld_id.rs`. */
function unheldId(orchestratorId: string): string {
  const random = crypto().randomBytes(ID_BYTES).toString('base64url');
  return `~0${random}.${encodeIdentifier(orchestratorId)}`;
}

export function tellDenied(
  announcer: Announcer,
  orchestratorId: string,
  tokens: number,
  {
    period,
    available = 0,
    limit = Infinity,
    limitedBy,
    cost,
  }: Pick<BudgetCheck | ReservationResult, 'period' | 'available' | 'limit' | 'limitedBy' | 'cost'>,
  source: 'check' | 'reserve',
  nowMs = Date.now(),
): void {
  if (period === undefined) return;
  const timestamp = new Date(nowMs);
  const event: BudgetDeniedEvent = { orchestratorId, period, tokens, available, limit, timestamp, source };
  if (limitedBy !== undefined) event.limitedBy = limitedBy;
  if (cost !== undefined) event.cost = cost;
  announcer.denied(event);
}
