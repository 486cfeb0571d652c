import { EventEmitter } from 'node:events';
import type { StoreEvents } from '../types/events';

type Name = keyof StoreEvents;
type Listener<E extends Name> = (...args: StoreEvents[E]) => void;

/** Node's emitter, with listeners typed by the name of the event. */
export interface StoreEmitter extends EventEmitter {
  on<E extends Name>(event: E, listener: Listener<E>): this;
  once<E extends Name>(event: E, listener: Listener<E>): this;
  off<E extends Name>(event: E, listener: Listener<E>): this;
  addListener<E extends Name>(event: E, listener: Listener<E>): this;
  removeListener<E extends Name>(event: E, listener: Listener<E>): this;
  prependListener<E extends Name>(event: E, listener: Listener<E>): this;
  prependOnceListener<E extends Name>(event: E, listener: Listener<E>): this;
  emit<E extends Name>(event: E, ...args: StoreEvents[E]): boolean;
}

export const StoreEmitter: new () => StoreEmitter = EventEmitter;
