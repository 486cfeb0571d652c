import type { Amounts, CheckedUsage } from '../arguments';
import type { WireNewTimer } from './coordination';
import { Op } from './protocol';

const INITIAL_LENGTH = 1024;
/** After a burst the buffer shrinks to this again. */
const KEPT_LENGTH = 65_536;

/** Instead of a length: the same text as last, empty where there was none. */
const REPEATED = -2;

/** The operations of one tick, as numbers and one text; see "Operations" in `docs/boundary.md`. */
export class Outbox {
  #numbers = new Float64Array(INITIAL_LENGTH);
  #count = 0;
  #text = '';
  /** The last texts of their kind in this tick: most operations repeat them. */
  #orchestratorId = '';
  #model = '';
  #sessionId = '';

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Hands over what was collected and begins anew, also when `submit` throws. */
  flush<T>(submit: (numbers: Float64Array, count: number, text: string) => T): T {
    const numbers = this.#numbers;
    const count = this.#count;
    const text = this.#text;
    this.#count = 0;
    this.#text = '';
    this.#orchestratorId = '';
    this.#model = '';
    this.#sessionId = '';
    if (numbers.length > KEPT_LENGTH) this.#numbers = new Float64Array(INITIAL_LENGTH);
    return submit(numbers, count, text);
  }

  check(call: number, orchestratorId: string, tokens: number, period: number): void {
    const at = this.#begin(5, Op.check, call);
    const numbers = this.#numbers;
    numbers[at] = this.#writeOrchestrator(orchestratorId);
    numbers[at + 1] = period;
    numbers[at + 2] = tokens;
  }

  reserve(
    call: number,
    orchestratorId: string,
    tokens: number,
    periods: number,
    ttlMs: number,
    costMicros: number,
  ): void {
    const at = this.#begin(7, Op.reserve, call);
    const numbers = this.#numbers;
    numbers[at] = this.#writeOrchestrator(orchestratorId);
    numbers[at + 1] = periods;
    numbers[at + 2] = tokens;
    numbers[at + 3] = ttlMs;
    numbers[at + 4] = costMicros;
  }

  settle(call: number, reservationId: string, record: boolean, amounts: Amounts, nowMs: number): void {
    const at = this.#begin(15, Op.settle, call);
    const numbers = this.#numbers;
    numbers[at] = this.#write(reservationId);
    numbers[at + 1] = this.#writeModel(amounts.model);
    numbers[at + 2] = this.#writeSession(amounts.sessionId);
    numbers[at + 3] = this.#write(amounts.requestId);
    numbers[at + 4] = record ? 1 : 0;
    this.#amounts(at + 5, amounts);
    numbers[at + 11] = nowMs;
    numbers[at + 12] = amounts.costMicros;
  }

  track(call: number, usage: CheckedUsage, nowMs: number): void {
    const at = this.#begin(16, Op.track, call);
    const numbers = this.#numbers;
    numbers[at] = this.#writeOrchestrator(usage.orchestratorId);
    numbers[at + 1] = this.#writeModel(usage.model);
    numbers[at + 2] = this.#writeSession(usage.sessionId);
    numbers[at + 3] = this.#write(usage.requestId);
    numbers[at + 4] = this.#write(usage.metadata);
    this.#amounts(at + 5, usage);
    numbers[at + 11] = usage.timestampMs;
    numbers[at + 12] = nowMs;
    numbers[at + 13] = usage.costMicros;
  }

  stats(call: number, orchestratorId: string, period: number): void {
    const at = this.#begin(4, Op.stats, call);
    this.#numbers[at] = this.#writeOrchestrator(orchestratorId);
    this.#numbers[at + 1] = period;
  }

  query(call: number, orchestratorId: string, argumentsJson: string, verb: number): void {
    const at = this.#begin(5, Op.query, call);
    this.#numbers[at] = this.#writeOrchestrator(orchestratorId);
    this.#numbers[at + 1] = this.#write(argumentsJson);
    this.#numbers[at + 2] = verb;
  }

  ping(call: number): void {
    this.#begin(2, Op.ping, call);
  }

  ready(call: number, timeoutMs: number): void {
    this.#numbers[this.#begin(3, Op.ready, call)] = timeoutMs;
  }

  close(call: number, timeoutMs: number): void {
    this.#numbers[this.#begin(3, Op.close, call)] = timeoutMs;
  }

  forget(call: number): void {
    this.#begin(2, Op.forget, call);
  }

  limitAcquire(
    call: number,
    id: string,
    agent: string,
    inputTokens: number,
    outputTokens: number,
    priority: number,
    wait: boolean,
  ): void {
    const at = this.#begin(8, Op.limitAcquire, call);
    const numbers = this.#numbers;
    numbers[at] = this.#write(id);
    numbers[at + 1] = this.#writeOrchestrator(agent);
    numbers[at + 2] = inputTokens;
    numbers[at + 3] = outputTokens;
    numbers[at + 4] = priority;
    numbers[at + 5] = wait ? 1 : 0;
  }

  limitSettle(
    call: number,
    id: string,
    signalsJson: string | null,
    inputTokens: number,
    outputTokens: number,
  ): void {
    const at = this.#begin(6, Op.limitSettle, call);
    const numbers = this.#numbers;
    numbers[at] = this.#write(id);
    numbers[at + 1] = this.#write(signalsJson);
    numbers[at + 2] = inputTokens;
    numbers[at + 3] = outputTokens;
  }

  limitCancel(call: number, id: string): void {
    this.#numbers[this.#begin(3, Op.limitCancel, call)] = this.#write(id);
  }

  limitQuery(call: number, operationJson: string): void {
    this.#numbers[this.#begin(3, Op.limitQuery, call)] = this.#write(operationJson);
  }

  poolQuery(call: number, pool: string, operationJson: string): void {
    const at = this.#begin(4, Op.poolQuery, call);
    this.#numbers[at] = this.#writeOrchestrator(pool);
    this.#numbers[at + 1] = this.#write(operationJson);
  }

  /** Has no answer. */
  poolConfigure(pool: string, policyJson: string): void {
    const at = this.#begin(4, Op.poolConfigure, 0);
    this.#numbers[at] = this.#writeOrchestrator(pool);
    this.#numbers[at + 1] = this.#write(policyJson);
  }

  timerQuery(call: number, shard: string, operationJson: string): void {
    const at = this.#begin(4, Op.timerQuery, call);
    this.#numbers[at] = this.#writeOrchestrator(shard);
    this.#numbers[at + 1] = this.#write(operationJson);
  }

  /** A name and an owner, which most timers repeat, take the places of a model and a session. */
  timerCreate(call: number, shard: string, timer: WireNewTimer): void {
    const at = this.#begin(12, Op.timerCreate, call);
    const numbers = this.#numbers;
    const { due, nonce, fingerprint } = timer;
    numbers[at] = this.#writeOrchestrator(shard);
    numbers[at + 1] = this.#writeModel(timer.name);
    numbers[at + 2] = this.#writeSession(timer.owner);
    numbers[at + 3] = due.is === 'in' ? 0 : 1;
    numbers[at + 4] = due.with;
    numbers[at + 5] = this.#write(timer.id);
    numbers[at + 6] = this.#write(timer.documentJson);
    numbers[at + 7] = this.#write(timer.recurrenceJson);
    numbers[at + 8] = this.#write(nonce);
    numbers[at + 9] = this.#write(fingerprint === nonce ? null : fingerprint);
  }

  breakerQuery(call: number, name: string, operationJson: string): void {
    const at = this.#begin(4, Op.breakerQuery, call);
    this.#numbers[at] = this.#writeOrchestrator(name);
    this.#numbers[at + 1] = this.#write(operationJson);
  }

  /** Has no answer. */
  coordinationConfigure(timersPolicyJson: string): void {
    this.#numbers[this.#begin(3, Op.coordinationConfigure, 0)] = this.#write(timersPolicyJson);
  }

  /** Has no answer. */
  breakerConfigure(name: string, policyJson: string): void {
    const at = this.#begin(4, Op.breakerConfigure, 0);
    this.#numbers[at] = this.#writeOrchestrator(name);
    this.#numbers[at + 1] = this.#write(policyJson);
  }

  #amounts(at: number, amounts: Amounts): void {
    const numbers = this.#numbers;
    numbers[at] = amounts.total;
    numbers[at + 1] = amounts.prompt;
    numbers[at + 2] = amounts.completion;
    numbers[at + 3] = amounts.cacheRead;
    numbers[at + 4] = amounts.cacheWrite;
    numbers[at + 5] = amounts.reasoning;
  }

  /** Room for `length` numbers, the first two written; returns the index of the third. */
  #begin(length: number, op: number, call: number): number {
    const at = this.#count;
    this.#count = at + length;
    if (this.#count > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[at] = op;
    this.#numbers[at + 1] = call;
    return at + 2;
  }

  #writeOrchestrator(text: string): number {
    if (text === this.#orchestratorId) return REPEATED;
    this.#orchestratorId = text;
    return this.#write(text);
  }

  #writeModel(text: string): number {
    if (text === this.#model) return REPEATED;
    this.#model = text;
    return this.#write(text);
  }

  #writeSession(text: string): number {
    if (text === this.#sessionId) return REPEATED;
    this.#sessionId = text;
    return this.#write(text);
  }

  /** Appends a text and returns its length, `-1` when it is absent. */
  #write(text: string | null): number {
    if (text === null) return -1;
    this.#text += text;
    return text.length;
  }
}
