let loaded: typeof import('node:crypto') | undefined;

/** `node:crypto`, loaded when it is first wanted: it takes longer than this package. */
export function crypto(): typeof import('node:crypto') {
  // Asking for it anew takes longer than making a UUID.
  loaded ??= require('node:crypto') as typeof import('node:crypto');
  return loaded;
}
