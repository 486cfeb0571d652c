/** Where the history is kept across restarts. */
import type { FileHandle } from 'node:fs/promises';
import { toJson } from '../json';
import { uuid } from '../uuid';

/** An alert as it is kept: `json` is ours to read. */
export interface StoredAlert {
  id: string;
  json: string;
}

/**
 * Keeps alerts by id, for one process at a time. Each method is called when the one before has ended. What rejects is
 * told by `onError`, and tried again with the next change.
 */
export interface AlertStore {
  /** Everything that is kept, oldest first, in whatever order it was changed later. */
  load(): Promise<Iterable<StoredAlert>>;
  /** Adds those of new ids, and replaces the others. */
  save(alerts: readonly StoredAlert[]): Promise<void>;
  /** Unknown ids are none of its business. */
  remove(ids: readonly string[]): Promise<void>;
}

/** Lines beyond those that count, before the file is written anew. */
const SPARE_LINES = 1000;

/**
 * A file of lines: an alert as it became, or `{"removed":id}`. It is appended to, and written anew beside itself when
 * it is more than twice as long as what it says. A line that a crash cut off is left out.
 */
export class AlertFile implements AlertStore {
  readonly #path: string;
  #lines = 0;
  #live = new Set<string>();
  #isTorn = false;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<StoredAlert[]> {
    const { alerts, lines, isTorn } = await this.#read();
    this.#lines = lines;
    this.#live = new Set(alerts.keys());
    this.#isTorn = isTorn;
    return [...alerts].map(([id, json]) => ({ id, json }));
  }

  async save(alerts: readonly StoredAlert[]): Promise<void> {
    await this.#append(alerts.map(({ json }) => json));
    for (const { id } of alerts) this.#live.add(id);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#append(ids.map(id => toJson({ removed: id })));
    for (const id of ids) this.#live.delete(id);
  }

  async #append(lines: readonly string[]): Promise<void> {
    // Also when the last writing was cut off: what came after it would be part of that line.
    if (this.#isTorn || this.#lines > 2 * this.#live.size + SPARE_LINES) await this.#rewrite();
    this.#isTorn = true;
    await this.#write(this.#path, 'a', lines);
    this.#isTorn = false;
    this.#lines += lines.length;
  }

  async #rewrite(): Promise<void> {
    const { rename } = fs();
    const { alerts } = await this.#read();
    const beside = `${this.#path}.${uuid()}`;
    try {
      await this.#write(beside, 'wx', [...alerts.values()]);
      await rename(beside, this.#path);
    } catch (error) {
      await fs().rm(beside, { force: true });
      throw error;
    }
    this.#lines = alerts.size;
    this.#isTorn = false;
  }

  async #read(): Promise<{ alerts: Map<string, string>; lines: number; isTorn: boolean }> {
    const alerts = new Map<string, string>();
    let text: string;
    try {
      text = await fs().readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { alerts, lines: 0, isTorn: false };
      throw error;
    }
    const lines = text.split('\n');
    const isTorn = lines.pop() !== '';
    for (const line of lines) {
      const { id, removed } = idsOf(line);
      if (removed !== undefined) alerts.delete(removed);
      else if (id !== undefined) alerts.set(id, line);
    }
    return { alerts, lines: lines.length, isTorn };
  }

  /** Readable by its owner alone: messages may say what is nobody else's business. */
  async #write(path: string, flags: string, lines: readonly string[]): Promise<void> {
    let file: FileHandle | undefined;
    try {
      file = await fs().open(path, flags, 0o600);
      await file.appendFile(lines.map(line => `${line}\n`).join(''));
      await file.sync();
    } finally {
      await file?.close();
    }
  }
}

function idsOf(line: string): { id?: string; removed?: string } {
  try {
    const { id, removed } = JSON.parse(line) as { id?: unknown; removed?: unknown };
    if (typeof removed === 'string') return { removed };
    return typeof id === 'string' ? { id } : {};
  } catch {
    return {};
  }
}

function fs(): typeof import('node:fs/promises') {
  return require('node:fs/promises') as typeof import('node:fs/promises');
}
