import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const TMPFS_TYPE = 0x01021994;
/** What SQLite writes of one small commit: a page and the head of its frame. */
const PIECE_BYTES = 4096 + 24;

/** A folder beside the benchmark, since the one for temporary files may be in memory. */
export function makeFolder() {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'storage-'));
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  return {
    folder,
    isInMemory: statfsSync(folder).type === TMPFS_TYPE,
    remove() {
      removeNow();
      process.off('exit', removeNow);
    },
  };
}

/** What the disk itself takes: a page's worth appended and synced, without anything else. */
export async function openRawFile(folder) {
  const file = await open(join(folder, 'raw'), 'w');
  const piece = Buffer.alloc(PIECE_BYTES, 1);
  return {
    async append() {
      await file.write(piece);
      await file.datasync();
    },
    close: () => file.close(),
  };
}
