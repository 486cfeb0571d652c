import { Redis } from 'ioredis';

/** ioredis, connected. */
export async function openIoredis({ host, port }, options = {}) {
  const client = new Redis({ host, port, ...options });
  await client.ping();
  return client;
}
