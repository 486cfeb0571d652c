import { crypto } from './crypto';

/** A random UUID. */
export function uuid(): string {
  return crypto().randomUUID();
}
