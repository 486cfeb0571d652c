import type { Writable } from 'node:stream';

/**
 * Writes and waits until the stream took it. A reader that went away (`| head`) is no failure: then
 * nobody wants the rest.
 */
export function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, error => {
      if (error && !isGone(error)) {
        reject(error);
      } else {
        resolve();
      }
    });
  });
}

/** Keeps the `error` event of a closed pipe from ending the process with a stack trace. */
export function ignoreClosedPipe(...streams: Writable[]): void {
  for (const stream of streams) {
    stream.on('error', error => {
      if (!isGone(error)) {
        throw error;
      }
    });
  }
}

function isGone(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'EOF';
}
