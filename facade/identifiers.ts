import { decodeIdentifier } from './native';

/** No reservation id is longer: digits, a UUID and an encoded orchestrator. */
export const RESERVATION_ID_MAX_LENGTH = 1024;

/** A reservation id ends, behind its first dot, in its orchestrator, encoded as in keys. */
export function orchestratorOf(reservationId: string): string {
  const encoded = reservationId.slice(reservationId.indexOf('.') + 1);
  return encoded.includes('%') ? decodeIdentifier(encoded) : encoded;
}
