interface HostQueue<T> {
  waiting: T[];
  active: number;
}

/**
 * Work by host, in turns: at most so much at once, and of one host at most its share, and never more than is left to
 * all others. So several hosts that hang leave something free, too: of n of them each has limit / (n + 1) at most.
 */
export class HostQueues<T> {
  readonly #limit: number;
  readonly #limitPerHost: number;
  /** Hosts with work, in the order of their turns. */
  readonly #hosts = new Map<string, HostQueue<T>>();
  #active = 0;

  constructor(limit: number, limitPerHost: number) {
    this.#limit = limit;
    this.#limitPerHost = limitPerHost;
  }

  waiting(host: string): number {
    return this.#hosts.get(host)?.waiting.length ?? 0;
  }

  /** Waiting or begun. */
  held(host: string): number {
    const queue = this.#hosts.get(host);
    return queue === undefined ? 0 : queue.waiting.length + queue.active;
  }

  add(host: string, item: T): void {
    const queue = this.#hosts.get(host) ?? { waiting: [], active: 0 };
    queue.waiting.push(item);
    this.#hosts.set(host, queue);
  }

  /** What may begin now; its host goes to the end of the line. `done` ends it. */
  next(): { host: string; item: T } | undefined {
    const share = Math.min(this.#limitPerHost, this.#limit - this.#active);
    if (share <= 0) return undefined;
    for (const [host, queue] of this.#hosts) {
      if (queue.active >= share) continue;
      const item = queue.waiting.shift();
      if (item === undefined) continue;
      this.#hosts.delete(host);
      this.#hosts.set(host, queue);
      queue.active += 1;
      this.#active += 1;
      return { host, item };
    }
    return undefined;
  }

  done(host: string): void {
    const queue = this.#hosts.get(host);
    if (queue === undefined) return;
    queue.active -= 1;
    this.#active -= 1;
    if (queue.active === 0 && queue.waiting.length === 0) this.#hosts.delete(host);
  }

  /** `false` when it did not wait. */
  remove(host: string, item: T): boolean {
    const waiting = this.#hosts.get(host)?.waiting ?? [];
    const index = waiting.indexOf(item);
    if (index < 0) return false;
    waiting.splice(index, 1);
    return true;
  }

  /** Nothing waits any more. */
  clear(): void {
    for (const queue of this.#hosts.values()) queue.waiting = [];
  }
}
