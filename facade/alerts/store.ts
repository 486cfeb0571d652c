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
 * it is more than twice as long as what it says. A last line that a crash cut off is left out. A file with any other
 * line is somebody else's: it is not read, and nothing is written to it.
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
    const rest = lines.pop() ?? '';
    for (const [index, line] of lines.entries()) {
      const read = idsOf(line);
      if (read === undefined) throw foreign(index + 1);
      if (read.removed !== undefined) alerts.delete(read.removed);
      else alerts.set(read.id, line);
    }
    if (rest !== '' && !isCutOff(rest, lines.length)) throw foreign(lines.length + 1);
    return { alerts, lines: lines.length, isTorn: rest !== '' };
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

type Ids = { id: string; removed?: undefined } | { removed: string };

/** Of a line as we write it; `undefined` for any other. What an alert says besides may be of another version. */
function idsOf(line: string): Ids | undefined {
  if (!BEGINNINGS.some(beginning => line.startsWith(beginning))) return undefined;
  try {
    const { id, removed, orchestratorId, createdAt } = JSON.parse(line) as Record<string, unknown>;
    if (typeof removed === 'string') return { removed };
    const isAlert = typeof orchestratorId === 'string' && typeof createdAt === 'string';
    return isAlert && typeof id === 'string' ? { id } : undefined;
  } catch {
    return undefined;
  }
}

/** How lines of ours begin: by the id of the alert. */
const BEGINNINGS = ['{"id":"alert-', '{"removed":"alert-'];

/** Whether a crash may have left `rest` of a line of ours; where the power went, bytes of 0 may follow. */
function isCutOff(rest: string, linesBefore: number): boolean {
  const text = rest.replace(/\0+$/, '');
  if (text === '') return linesBefore > 0;
  if (!BEGINNINGS.some(beginning => text.startsWith(beginning) || beginning.startsWith(text))) return false;
  return !isJson(text) || idsOf(text) !== undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function foreign(line: number): Error {
  return new Error(`line ${line} of the file is no alert: it is somebody else's, and is left as it is`);
}

function fs(): typeof import('node:fs/promises') {
  return require('node:fs/promises') as typeof import('node:fs/promises');
}
