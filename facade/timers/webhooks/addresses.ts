/** Which addresses webhooks may go to. */
import { BlockList, isIP } from 'node:net';
import { invalid } from '../../validate';
import { embeddedIPv4 } from './ip';
import { familyOf, isMetadata, isPublic, withoutZone } from './special-addresses';

/** Names that mean this host, or the metadata of a cloud, wherever they resolve to. */
const LOCAL_NAME = /^(?:.+\.)?localhost$/;
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'instance-data',
]);

const ALLOWED = `an address ('127.0.0.1'), a network ('10.0.0.0/8') or the name of a host ('hooks.internal', '*.internal')`;
const HOST_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

export class AddressRules {
  readonly #allowsPrivate: boolean;
  readonly #addresses = new BlockList();
  readonly #names = new Set<string>();

  /** Throws `INVALID_ARGUMENT` at `<at>[<index>]`. */
  constructor(allow: readonly unknown[], allowsPrivate: boolean, at: string) {
    this.#allowsPrivate = allowsPrivate;
    for (const [index, each] of allow.entries()) this.#allow(each, `${at}[${index}]`);
  }

  /** Whether a connection to `address`, which `host` resolved to, is allowed. */
  permits(address: string, host: string): boolean {
    const text = withoutZone(address);
    if (isIP(text) === 0) return false;
    if (this.#lists(text)) return true;
    // Credentials of the machine are given to nobody by accident: these are named one by one.
    if (isMetadata(text)) return false;
    return isPublic(text) || this.#allowsPrivate || this.#isNamed(host);
  }

  /** Whether it is sure, before anybody resolved it, that nothing will be sent to `host`. */
  refusesHost(host: string): boolean {
    const bare = bareHost(host);
    if (isIP(bare) !== 0) return !this.permits(bare, bare);
    if (this.#isNamed(bare)) return false;
    return (
      METADATA_NAMES.has(bare) || (LOCAL_NAME.test(bare) && !this.#allowsPrivate && !this.#allowsLoopback())
    );
  }

  #allowsLoopback(): boolean {
    return this.#lists('127.0.0.1') || this.#lists('::1');
  }

  #lists(address: string): boolean {
    if (this.#addresses.check(address, familyOf(address))) return true;
    const embedded = embeddedIPv4(address);
    return embedded?.by === 'same' && this.#addresses.check(embedded.address, 'ipv4');
  }

  #isNamed(host: string): boolean {
    const name = bareHost(host);
    if (this.#names.has(name)) return true;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      if (this.#names.has(`*${name.slice(dot)}`)) return true;
    }
    return false;
  }

  #allow(value: unknown, at: string): void {
    if (typeof value !== 'string') throw invalid(at, ALLOWED, value);
    const text = bareHost(value);
    const [network = '', prefix, ...more] = text.split('/');
    const family = isIP(network);
    if (family === 0) {
      // What ends in a number is an address to a URL: as a name it would never be met.
      const isName = text.length <= 255 && HOST_NAME.test(text) && !ENDS_IN_NUMBER.test(text);
      if (!isName) throw invalid(at, ALLOWED, value);
      this.#names.add(text);
      return;
    }
    if (prefix === undefined) {
      this.#addresses.addAddress(network, familyOf(network));
      return;
    }
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (more.length > 0 || !(bits <= (family === 4 ? 32 : 128))) throw invalid(at, ALLOWED, value);
    this.#addresses.addSubnet(network, bits, familyOf(network));
  }
}

/** As URLs and resolvers have it: in lower case, without brackets and without a dot at the end. */
export function bareHost(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith('[') && lower.endsWith(']')) return lower.slice(1, -1);
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
