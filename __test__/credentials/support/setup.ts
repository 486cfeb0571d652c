import { TokenManager, type TokenManagerOptions } from '@wundr.io/token-budget/credentials';
import { type Provider, ProviderServer } from './provider-server';

/** A clock that is a millisecond later whenever it is asked: what follows is never in the same one. */
export function ticking(nowMs = Date.now()): () => number {
  let ms = nowMs;
  return () => ms++;
}

const closing: Array<() => Promise<unknown>> = [];

/** Ends everything that was started here. */
export async function closeAll(): Promise<void> {
  await Promise.all(closing.splice(0).map(close => close()));
}

export async function provider(name: Provider): Promise<ProviderServer> {
  const server = await new ProviderServer(name).start();
  closing.push(() => server.stop());
  return server;
}

/** A manager of tokens for a server of GitHub, unless the options say otherwise. */
export function manager(
  tokens: ConstructorParameters<typeof TokenManager>[0],
  options: TokenManagerOptions = {},
): TokenManager {
  const made = new TokenManager(tokens, options);
  closing.push(() => made.close());
  return made;
}

/** With a server of its own that allows each token so many requests, without a reserve. */
export async function github(
  limits: Record<string, number>,
  options: TokenManagerOptions = {},
  windowMs?: number,
): Promise<{ server: ProviderServer; tokens: string[]; manager: TokenManager }> {
  const server = await provider('github');
  for (const [token, limit] of Object.entries(limits)) {
    server.allow(token, limit, windowMs === undefined ? {} : { windowMs });
  }
  const tokens = Object.keys(limits);
  const made = manager(tokens, { reserve: 0, baseUrls: { github: server.url }, ...options });
  return { server, tokens, manager: made };
}
