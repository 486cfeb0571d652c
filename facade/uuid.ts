/** A random UUID. `node:crypto` is loaded when the first is wanted: it takes longer than this package. */
export function uuid(): string {
  const { randomUUID } = require('node:crypto') as typeof import('node:crypto');
  return randomUUID();
}
