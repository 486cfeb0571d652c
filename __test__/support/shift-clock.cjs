'use strict';

// `node --require .../shift-clock.cjs`: this process believes it is TEST_CLOCK_SHIFT_MS later (or,
// negative, earlier) than the host does. Timers and `performance.now()` stay as they are.
const shiftMs = Number(process.env.TEST_CLOCK_SHIFT_MS ?? 0);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) {
      super(RealDate.now() + shiftMs);
    } else {
      super(...args);
    }
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
}

Object.defineProperty(ShiftedDate, 'name', { value: 'Date' });
globalThis.Date = ShiftedDate;
