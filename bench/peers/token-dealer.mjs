import tokenDealer from 'token-dealer';

/**
 * token-dealer with `tokens`, of which all but the last are exhausted until `resetAtMs`. In place of its LRU cache it
 * gets a `Map`, which is faster and forgets nothing. The function that gets the token returns it at once: dealing is all
 * that is measured.
 */
export async function openDealer(tokens, resetAtMs) {
  const options = { group: 'bench', lru: new Map() };
  const usable = tokens.at(-1);
  for (const token of tokens.slice(0, -1)) {
    await tokenDealer([token], (_, exhaust) => exhaust(resetAtMs), options);
  }
  const deal = () => tokenDealer(tokens, token => token, options);
  if ((await deal()) !== usable) throw new Error('token-dealer dealt an exhausted token');
  return { deal };
}
