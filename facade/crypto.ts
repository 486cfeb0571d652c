/** `node:crypto`, loaded when it is first wanted: it takes longer than this package. */
export function crypto(): typeof import('node:crypto') {
  return require('node:crypto') as typeof import('node:crypto');
}
