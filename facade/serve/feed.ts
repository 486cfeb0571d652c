import type { ServerResponse } from 'node:http';
import type { TokenBudgetTracker } from '../tracker';
import type { SnapshotSource } from './source';

const WATCHERS_MAX = 100;
const HEARTBEAT_MS = 15_000;
/** After an event of the tracker; what happens meanwhile is shown by the same snapshot. */
const SOON_MS = 50;
/** Snapshots of many orchestrators take a while: so many times as long is waited before the next one. */
const REST_FACTOR = 4;
const REST_MAX_MS = 2000;
/** Unsent text of a reader that is too slow; then it is sent away and comes back by itself. */
const BACKLOG_MAX_BYTES = 4_194_304;

const EVENTS = [
  ...(['usage:tracked', 'reservation:created', 'reservation:released', 'reservation:expired'] as const),
  ...(['override:set', 'override:removed', 'budget:set', 'store:connected', 'store:disconnected'] as const),
] as const;

/**
 * Server-sent events: a snapshot when something happened in this process, and every `refreshMs` for what others
 * do, as long as somebody watches. Nothing here keeps the process alive.
 */
export class Feed {
  readonly #source: SnapshotSource;
  readonly #tracker: TokenBudgetTracker;
  readonly #refreshMs: number;
  readonly #watchers = new Set<ServerResponse>();
  readonly #onEvent = () => {
    if (this.#refreshing) this.#again = true;
    else this.#schedule(SOON_MS);
  };
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = 0;
  #heartbeat: NodeJS.Timeout | null = null;
  #last = '';
  /** Before which no further snapshot is taken. */
  #restUntilMs = 0;
  #refreshing = false;
  /** Whether something happened that the snapshot under way may not show. */
  #again = false;

  constructor(source: SnapshotSource, tracker: TokenBudgetTracker, refreshMs: number) {
    this.#source = source;
    this.#tracker = tracker;
    this.#refreshMs = refreshMs;
  }

  /** `false` when too many watch already. */
  watch(response: ServerResponse): boolean {
    if (this.#watchers.size >= WATCHERS_MAX) return false;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 1000\n\n');
    this.#watchers.add(response);
    response.once('close', () => this.#leave(response));
    response.on('error', () => this.#leave(response));
    if (this.#watchers.size === 1) this.#begin();
    // The newcomer has seen nothing, whatever the others have.
    this.#last = '';
    this.#schedule(0);
    return true;
  }

  close(): void {
    for (const response of this.#watchers) response.end();
    this.#watchers.clear();
    this.#end();
  }

  #begin(): void {
    for (const event of EVENTS) this.#tracker.on(event, this.#onEvent);
    this.#heartbeat = setInterval(() => this.#send(':\n\n'), HEARTBEAT_MS).unref();
  }

  #end(): void {
    for (const event of EVENTS) this.#tracker.off(event, this.#onEvent);
    clearInterval(this.#heartbeat ?? undefined);
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#heartbeat = null;
  }

  #leave(response: ServerResponse): void {
    if (this.#watchers.delete(response) && this.#watchers.size === 0) this.#end();
  }

  /** The earlier of two wishes counts. */
  #schedule(inMs: number): void {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs + inMs, this.#restUntilMs);
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    clearTimeout(this.#timer ?? undefined);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#refreshing) this.#again = true;
      else void this.#refresh();
    }, atMs - nowMs).unref();
  }

  async #refresh(): Promise<void> {
    const beganMs = performance.now();
    this.#refreshing = true;
    const snapshot = await this.#source.take();
    this.#refreshing = false;
    const endedMs = performance.now();
    this.#restUntilMs = endedMs + Math.min(REST_MAX_MS, REST_FACTOR * (endedMs - beganMs));
    const soon = this.#again;
    this.#again = false;
    if (this.#watchers.size === 0) return;
    const { at, ...rest } = snapshot;
    const text = JSON.stringify(rest);
    // What did not change is not sent again: the page counts down by itself.
    if (text !== this.#last) {
      this.#last = text;
      this.#send(`event: snapshot\ndata: ${JSON.stringify({ at, ...rest })}\n\n`);
    }
    this.#schedule(soon ? SOON_MS : this.#refreshMs);
  }

  #send(text: string): void {
    for (const response of this.#watchers) {
      if (response.writableLength > BACKLOG_MAX_BYTES) response.destroy();
      else response.write(text);
    }
  }
}
