/** Addresses that are nobody's on the public internet (IANA's special-purpose registries). */
import { BlockList, isIP } from 'node:net';
import { embeddedIPv4 } from './ip';

type Subnet = readonly [network: string, prefix: number];

const SPECIAL_IPV4: readonly Subnet[] = [
  ['0.0.0.0', 8], // this network; 0.0.0.0 reaches this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared, of carriers (CGNAT)
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, with the metadata of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // IETF protocols
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];

/** Within 2000::/3; whatever lies outside is local, multicast, reserved or not given to anybody. */
const SPECIAL_IPV6: readonly Subnet[] = [
  ['2001::', 23], // IETF protocols, Teredo, benchmarks, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['3fff::', 20], // documentation
];

/**
 * Where machines of clouds ask for their own credentials: AWS, Google, Azure, DigitalOcean, OpenStack and Oracle
 * share the first; Oracle, Alibaba, Azure's agent, and AWS over IPv6 (instances, then containers).
 */
const METADATA = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '192.0.0.192',
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
] as const;

const special = listOf(SPECIAL_IPV4, SPECIAL_IPV6);
const globalIPv6 = listOf([], [['2000::', 3]]);
const metadata = new BlockList();
for (const address of METADATA) metadata.addAddress(address, familyOf(address));

function listOf(ipv4: readonly Subnet[], ipv6: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ipv4) list.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of ipv6) list.addSubnet(network, prefix, 'ipv6');
  return list;
}

export function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** Without a zone, which no list knows. */
export function withoutZone(address: string): string {
  const [text = ''] = address.split('%');
  return text;
}

/** Whether it is an address of the public internet. What is no address is none. */
export function isPublic(address: string): boolean {
  const text = withoutZone(address);
  if (isIP(text) === 0) return false;
  if (isIP(text) === 4) return !special.check(text, 'ipv4') && !metadata.check(text, 'ipv4');
  const embedded = embeddedIPv4(text);
  if (embedded !== undefined && !isPublic(embedded.address)) return false;
  if (embedded?.by === 'same') return true;
  return globalIPv6.check(text, 'ipv6') && !special.check(text, 'ipv6');
}

/** Whether a cloud's machine would answer with its credentials there. */
export function isMetadata(address: string): boolean {
  const text = withoutZone(address);
  if (isIP(text) === 0) return false;
  const embedded = embeddedIPv4(text);
  return metadata.check(text, familyOf(text)) || (embedded !== undefined && isMetadata(embedded.address));
}
