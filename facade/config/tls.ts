import { types } from 'node:util';
import { isArray } from '../text';
import { boolean, elements, invalid, join, object, own } from '../validate';

const PEM_MAX_LENGTH = 1_048_576;

export interface NativeTls {
  [key: string]: string | boolean | undefined;
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  rejectUnauthorized: boolean;
}

/** `tls` of the configuration; `fromUrl` is what the scheme of the address said. */
export function readTls(value: unknown, at: string, fromUrl: boolean | undefined): NativeTls | undefined {
  if (value === undefined || typeof value === 'boolean') {
    const wanted = value ?? fromUrl ?? false;
    return wanted ? { ca: undefined, cert: undefined, key: undefined, rejectUnauthorized: true } : undefined;
  }
  const source = object(value, at);
  const pem = (key: string) => readPem(own(source, key, at), join(at, key));
  const cert = pem('cert');
  const key = pem('key');
  if (cert !== undefined && key === undefined)
    throw invalid(join(at, 'key'), 'the key of the certificate', undefined);
  if (key !== undefined && cert === undefined)
    throw invalid(join(at, 'cert'), 'the certificate of the key', undefined);
  const strict = own(source, 'rejectUnauthorized', at);
  return {
    ca: pem('ca'),
    cert,
    key,
    rejectUnauthorized: strict === undefined ? true : boolean(strict, join(at, 'rejectUnauthorized')),
  };
}

/** PEM text, its bytes, or several of them; never repeated in a message. */
function readPem(value: unknown, at: string): string | undefined {
  if (value === undefined) return undefined;
  const blocks = isArray(value) ? elements(value, at, 1000) : [value];
  const text = blocks.map(block => pemText(block, at)).join('\n');
  if (!text.includes('-----BEGIN ')) throw invalid(at, 'PEM (-----BEGIN ...)', undefined);
  return text;
}

function pemText(block: unknown, at: string): string {
  const text = types.isUint8Array(block) ? Buffer.from(block).toString('utf8') : block;
  if (typeof text !== 'string') throw invalid(at, 'PEM as a string or its bytes', text);
  if (text.length > PEM_MAX_LENGTH) throw invalid(at, 'at most 1 MiB of PEM', undefined);
  return text;
}
