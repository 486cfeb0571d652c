import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runToEnd } from './system';

/** The wall clock of a server on Linux, which a test can make jump. */
export interface ServerClock {
  env: NodeJS.ProcessEnv;
  /** From now on the server's clock is this much ahead of (or, negative, behind) the host's. */
  shift(milliseconds: number): void;
}

export function makeServerClock(folder: string): ServerClock {
  if (process.platform !== 'linux') {
    throw new Error('a server clock that jumps needs Linux (LD_PRELOAD)');
  }
  const library = join(folder, 'server-clock.so');
  const file = join(folder, 'server-clock');
  const shift = (milliseconds: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(milliseconds));
    // In place: the server has the file mapped.
    writeFileSync(file, bytes, { flag: 'r+' });
  };
  writeFileSync(file, Buffer.alloc(8));
  runToEnd('cc', ['-shared', '-fPIC', '-O1', '-o', library, resolve(__dirname, 'server-clock.c')]);
  return { env: { LD_PRELOAD: library, SERVER_CLOCK_FILE: file }, shift };
}
