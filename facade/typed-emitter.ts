import { EventEmitter } from 'node:events';
import type { TrackerEventName, TrackerEvents, TrackerListener } from './types/events';

/** Node's emitter, with listeners typed by the name of the event. */
export interface TypedEmitter extends EventEmitter {
  on<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  once<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  off<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  addListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  removeListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  prependListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  prependOnceListener<E extends TrackerEventName>(event: E, listener: TrackerListener<E>): this;
  emit<E extends TrackerEventName>(event: E, ...args: TrackerEvents[E]): boolean;
}

export const TypedEmitter: new () => TypedEmitter = EventEmitter;
