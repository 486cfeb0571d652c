import { EventEmitter } from 'node:events';

type Listener<Arguments> = Arguments extends readonly unknown[] ? (...args: Arguments) => void : never;
type Arguments<Given> = Given extends readonly unknown[] ? Given : never;

/** Node's emitter, with listeners typed by the name of the event. */
export interface TypedEmitter<Events> extends EventEmitter {
  on<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  once<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  off<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  addListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  removeListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  prependListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  prependOnceListener<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): this;
  emit<E extends keyof Events & string>(event: E, ...args: Arguments<Events[E]>): boolean;
}

// Node's own types of events know neither our names nor templates of names.
export const TypedEmitter = EventEmitter as unknown as new <Events>() => TypedEmitter<Events>;
