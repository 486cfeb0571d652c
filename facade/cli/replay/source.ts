import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CommandError, messageOf } from '../exit';

/** The trace that ships with the package, from `dist/cli/replay`. */
export const SAMPLE_PATH = join(__dirname, '../../../samples/llm-trace-synthetic.csv');

const CHUNK_BYTES = 16_384;

export interface Source {
  /** What to call it in the report. */
  name: string;
  stream: Readable;
  /** `null` when nobody knows, as of a pipe. */
  sizeBytes: number | null;
}

/** `null` is the sample, `-` is standard input. */
export async function openSource(path: string | null): Promise<Source> {
  if (path === '-') {
    return { name: 'standard input', stream: process.stdin, sizeBytes: null };
  }
  try {
    const file = await open(path ?? SAMPLE_PATH);
    const stat = await file.stat();
    if (stat.isDirectory()) {
      await file.close();
      throw new CommandError('it is a directory');
    }
    return {
      name: path ?? 'the synthetic sample of the package',
      stream: createReadStream('', { fd: file, highWaterMark: CHUNK_BYTES }),
      sizeBytes: stat.isFile() ? stat.size : null,
    };
  } catch (error) {
    throw new CommandError(`cannot read ${path ?? SAMPLE_PATH}: ${messageOf(error)}`);
  }
}
