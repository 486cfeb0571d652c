/** What `onStoreError` answers to a reservation. */
import { deniedAnswer, grantedAnswer } from '../answers';
import { crypto } from '../crypto';
import type { Announcer } from '../events';
import { encodeIdentifier } from '../native';
import type { BudgetCheck } from '../types/budget';
import type { ReservationResult } from '../types/reservation';
import { VIEW_LENGTH } from './protocol';

const UNLIMITED = -1;
const NOT_PAUSED = -1;
const ID_BYTES = 16;

/** A grant holds nothing; the usage it ends with is recorded. */
export function reserveWithoutStore(
  isAllowed: boolean,
  orchestratorId: string,
  tokens: number,
  periods: number,
  nowMs: number,
): ReservationResult {
  if (!isAllowed)
    return deniedAnswer(new Float64Array(1 + VIEW_LENGTH).fill(NOT_PAUSED, VIEW_LENGTH), 0, tokens, true);
  const id = unheldId(orchestratorId);
  const numbers = Float64Array.of(nowMs, nowMs, UNLIMITED);
  const granted = grantedAnswer(numbers, 0, id, orchestratorId, tokens, periods);
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
  }: Pick<BudgetCheck | ReservationResult, 'period' | 'available' | 'limit'>,
  source: 'check' | 'reserve',
): void {
  if (period === undefined) return;
  announcer.denied({ orchestratorId, period, tokens, available, limit, timestamp: new Date(), source });
}
