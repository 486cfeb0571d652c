/** Resolves names so that only addresses are connected to that were checked. */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import type { AddressRules } from './addresses';
import { RefusedAddressError } from './failure';

/** Addresses of a host, as text. */
export type WebhookLookup = (hostname: string) => Promise<readonly string[]>;

/** More are not tried. */
const ADDRESSES_MAX = 32;

type Answered = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** What `net.connect` asks instead of `dns.lookup`: it connects to what is answered here, and to nothing else. */
export type ConnectLookup = (hostname: string, options: LookupOptions, answer: Answered) => void;

/** One of the addresses is refused: all are, for a name that mixes them is up to no good. */
export function checkedLookup(rules: AddressRules, lookup: WebhookLookup): ConnectLookup {
  const ask = shared(lookup);
  return (hostname, options, answer) => {
    ask(hostname).then(
      found => {
        let addresses: LookupAddress[];
        try {
          addresses = checked(found, hostname, rules);
        } catch (error) {
          answer(error as Error, '');
          return;
        }
        const wanted = addresses.filter(({ family }) => !options.family || options.family === family);
        const [first] = wanted;
        if (first === undefined) answer(notFound(), '');
        else if (options.all === true) answer(null, wanted);
        else answer(null, first.address, first.family);
      },
      error => answer(asError(error), ''),
    );
  };
}

/** Whoever asks within this time for the same name waits for the same answer. */
const SHARED_MS = 5000;

/** A name that nobody answers for occupies one thread of the resolver, not all. */
function shared(lookup: WebhookLookup): WebhookLookup {
  const asked = new Map<string, { answer: Promise<readonly string[]>; sinceMs: number }>();
  return hostname => {
    const nowMs = performance.now();
    const known = asked.get(hostname);
    if (known !== undefined && nowMs - known.sinceMs < SHARED_MS) return known.answer;
    const answer = Promise.resolve()
      .then(() => lookup(hostname))
      .finally(() => {
        if (asked.get(hostname)?.answer === answer) asked.delete(hostname);
      });
    asked.set(hostname, { answer, sinceMs: nowMs });
    return answer;
  };
}

function checked(found: readonly string[], hostname: string, rules: AddressRules): LookupAddress[] {
  const addresses: LookupAddress[] = [];
  for (const address of found) {
    if (!rules.permits(address, hostname)) throw new RefusedAddressError();
    if (addresses.length < ADDRESSES_MAX) addresses.push({ address, family: isIP(address) });
  }
  return addresses;
}

function notFound(): NodeJS.ErrnoException {
  return Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
}

/** Whatever a resolver throws: its code is all that is told of it. */
function asError(error: unknown): NodeJS.ErrnoException {
  return error instanceof Error ? error : Object.assign(new Error('failed'), { code: 'EAI_FAIL' });
}

/** The resolver of this host. */
export const systemLookup: WebhookLookup = async hostname => {
  const { lookup } = require('node:dns/promises') as typeof import('node:dns/promises');
  return (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);
};
