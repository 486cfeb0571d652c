import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST, runToEnd } from './system';

export interface Certificates {
  /** PEM text. */
  ca: string;
  /** PEM text of a client certificate that the authority signed, and its key. */
  cert: string;
  key: string;
  files: { ca: string; serverCert: string; serverKey: string };
}

/** An authority of one's own, a certificate for 127.0.0.1 and localhost, and one for a client, valid for a day. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => runToEnd('openssl', args, folder);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = [
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign',
  ];
  openssl(
    ...['req', '-x509', '-days', '1', ...key, '-keyout', 'ca.key', '-out', 'ca.crt'],
    ...['-subj', '/CN=token-budget test authority', ...authority],
  );
  for (const [name, extension] of [
    ['server', `subjectAltName=IP:${HOST},DNS:localhost`],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    openssl(
      'req',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      '-addext',
      extension,
    );
    openssl(
      ...[
        'x509',
        '-req',
        '-days',
        '1',
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.crt`,
        '-copy_extensions',
        'copy',
      ],
      ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    );
  }
  const read = (name: string) => readFileSync(file(name), 'utf8');
  return {
    ca: read('ca.crt'),
    cert: read('client.crt'),
    key: read('client.key'),
    files: { ca: file('ca.crt'), serverCert: file('server.crt'), serverKey: file('server.key') },
  };
}
