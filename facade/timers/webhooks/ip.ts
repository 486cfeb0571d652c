/** Addresses as numbers, and the IPv4 address that an IPv6 address stands for. */
import { isIP } from 'node:net';

/** The eight groups of an IPv6 address; `undefined` for anything else. A zone (`%eth0`) is left out. */
export function ipv6Groups(address: string): number[] | undefined {
  const [text = ''] = address.split('%');
  if (isIP(text) !== 6) return undefined;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex =
    dotted === null ? text : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`;
  const [head = '', tail] = hex.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

function pair(high: string | undefined, low: string | undefined): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16));
}

/** What an IPv6 address is besides itself. */
export interface Embedded {
  address: string;
  /** `same`: packets go to this IPv4 address and nowhere else. `tunnel`: they may. */
  by: 'same' | 'tunnel';
}

/** The IPv4 address in a mapped, compatible, translated (NAT64), 6to4 or Teredo address. */
export function embeddedIPv4(address: string): Embedded | undefined {
  const groups = ipv6Groups(address);
  if (groups === undefined) return undefined;
  const [g0, g1, g2, g3, g4, g5, g6, g7] = groups as [number, ...number[]] & number[];
  const last = dotted(g6, g7);
  const isZero = (from: number, to: number) => groups.slice(from, to).every(group => group === 0);
  // ::ffff:a.b.c.d
  if (isZero(0, 5) && g5 === 0xffff) return { address: last, by: 'same' };
  // 64:ff9b::a.b.c.d
  if (g0 === 0x64 && g1 === 0xff9b && isZero(2, 6)) return { address: last, by: 'same' };
  // ::a.b.c.d and ::ffff:0:a.b.c.d
  if (isZero(0, 6) || (isZero(0, 4) && g4 === 0xffff && g5 === 0)) return { address: last, by: 'tunnel' };
  // 64:ff9b:1::/48, whatever the network made of it; with the usual prefix of 96 bits.
  if (g0 === 0x64 && g1 === 0xff9b) return { address: last, by: 'tunnel' };
  // 2002:a.b:c.d::/48
  if (g0 === 0x2002) return { address: dotted(g1, g2), by: 'tunnel' };
  // 2001:0::/32, the last 32 bits inverted
  if (g0 === 0x2001 && g1 === 0)
    return { address: dotted(~(g6 ?? 0) & 0xffff, ~(g7 ?? 0) & 0xffff), by: 'tunnel' };
  // ISATAP: ::0:5efe:a.b.c.d and ::200:5efe:a.b.c.d in any network
  if (((g4 ?? 0) & 0xfdff) === 0 && g5 === 0x5efe && g3 !== undefined) return { address: last, by: 'tunnel' };
  return undefined;
}

function dotted(high = 0, low = 0): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
