import { EventEmitter } from 'node:events';
import type { RateLimitEvents } from '../types/rate-limit';

type Name = keyof RateLimitEvents;
type Listener<E extends Name> = (...args: RateLimitEvents[E]) => void;

/** Node's emitter, with listeners typed by the name of the event. */
export interface LimiterEmitter extends EventEmitter {
  on<E extends Name>(event: E, listener: Listener<E>): this;
  once<E extends Name>(event: E, listener: Listener<E>): this;
  off<E extends Name>(event: E, listener: Listener<E>): this;
  addListener<E extends Name>(event: E, listener: Listener<E>): this;
  removeListener<E extends Name>(event: E, listener: Listener<E>): this;
  prependListener<E extends Name>(event: E, listener: Listener<E>): this;
  prependOnceListener<E extends Name>(event: E, listener: Listener<E>): this;
  emit<E extends Name>(event: E, ...args: RateLimitEvents[E]): boolean;
}

export const LimiterEmitter: new () => LimiterEmitter = EventEmitter;
