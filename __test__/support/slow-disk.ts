import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runToEnd, temporaryFolder } from './system';

/** What a disk does that is not well. */
export type Trouble = 'hold' | 'full' | 'broken';

/** A folder whose disk does what a test wants, for processes that are started with `env`. */
export interface SlowDisk {
  /** Files belong here. */
  path: string;
  env: NodeJS.ProcessEnv;
  /** `hold`: syncs wait; `full`: writes fail with ENOSPC; `broken`: syncs fail with EIO. */
  begin(trouble: Trouble): void;
  /** Whoever makes this file begins the trouble. */
  file(trouble: Trouble): string;
  end(trouble: Trouble): void;
  remove(): Promise<void>;
}

export function makeSlowDisk(): SlowDisk {
  if (process.platform !== 'linux') throw new Error('a slow disk needs Linux (LD_PRELOAD)');
  const folder = temporaryFolder('slow-disk');
  const path = join(folder.path, 'disk');
  const control = join(folder.path, 'control');
  const library = join(folder.path, 'slow-disk.so');
  mkdirSync(path);
  mkdirSync(control);
  runToEnd('cc', ['-shared', '-fPIC', '-O1', '-o', library, resolve(__dirname, 'slow-disk.c')]);
  const file = (trouble: Trouble) => join(control, trouble);
  return {
    path,
    file,
    env: { LD_PRELOAD: library, SLOW_DISK_FOLDER: path, SLOW_DISK_CONTROL: control },
    begin: trouble => writeFileSync(file(trouble), ''),
    end: trouble => rmSync(file(trouble), { force: true }),
    remove: () => folder.remove(),
  };
}
