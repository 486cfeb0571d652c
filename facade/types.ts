/** Every public interface, by subject. */
export type * from './types/budget';
export type * from './types/config';
export type * from './types/costs';
export type * from './types/events';
export type * from './types/money';
export type * from './types/options';
export type * from './types/override';
export type * from './types/pause';
export type * from './types/reports';
export type * from './types/reservation';
export type * from './types/usage';
