/** Hours of time zones: they begin at full local hours, and where clocks are set. */
import { join } from 'node:path';
import fc from '../support/properties';

const { slotBoundaries, slotStart } = require(
  join(__dirname, '../../dist/reports/calendar.js'),
) as typeof import('../../facade/reports/calendar');

const HOUR_MS = 3_600_000;

function localMinute(atMs: number, timeZone: string): number {
  return Number(new Intl.DateTimeFormat('en', { timeZone, minute: 'numeric' }).format(atMs));
}

const iso = (list: number[]) => list.map(atMs => new Date(atMs).toISOString().slice(11, 16));

test('where clocks are set by half an hour, full hours come again', () => {
  const spring = Date.UTC(2026, 9, 3, 14, 30);
  // At 15:30 UTC it is 02:30 after 01:59.
  expect(iso(slotBoundaries(spring, spring + 3 * HOUR_MS, 'hourly', 'Australia/Lord_Howe'))).toEqual([
    ...['14:30', '15:30', '16:00', '17:00', '18:00'],
  ]);
  const autumn = Date.UTC(2026, 3, 4, 14, 0);
  // At 15:00 UTC it is 01:30 after 01:59.
  expect(iso(slotBoundaries(autumn, autumn + 2.5 * HOUR_MS, 'hourly', 'Australia/Lord_Howe'))).toEqual([
    ...['14:00', '15:00', '15:30', '16:30', '17:30'],
  ]);
  const caracas = Date.UTC(2016, 4, 1, 6, 30);
  expect(iso(slotBoundaries(caracas, caracas + HOUR_MS, 'hourly', 'America/Caracas'))).toEqual([
    ...['06:30', '07:00', '08:00'],
  ]);
});

test('hours of any zone follow one another, and each instant is in the one that begins before it', () => {
  const zones = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones, 'Australia/Lord_Howe', 'Australia/Lord_Howe', 'Asia/Pyongyang'),
      fc.integer({ min: Date.UTC(1975, 0, 1), max: Date.UTC(2037, 0, 1) }),
      fc.integer({ min: 0, max: 100 * HOUR_MS }),
      (timeZone, startMs, length) => {
        const boundaries = slotBoundaries(startMs, startMs + length, 'hourly', timeZone);
        expect(boundaries[0]).toBe(slotStart(startMs, 'hourly', timeZone));
        expect(boundaries[0]).toBeLessThanOrEqual(startMs);
        expect(boundaries.at(-1)).toBeGreaterThan(startMs + length);
        let short = 0;
        boundaries.slice(1).forEach((endMs, index) => {
          const beginMs = boundaries[index] as number;
          expect(endMs - beginMs).toBeGreaterThan(0);
          expect(endMs - beginMs).toBeLessThanOrEqual(HOUR_MS);
          if (localMinute(endMs, timeZone) !== 0) short += 1;
          for (const atMs of [beginMs, Math.floor((beginMs + endMs) / 2), endMs - 1]) {
            expect(slotStart(atMs, 'hourly', timeZone)).toBe(beginMs);
          }
        });
        // Clocks are not set twice in four days.
        expect(short).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 150 },
  );
});

test('a time that is none has no slots, and an end', () => {
  for (const [from, to] of [
    [Number.NaN, 0],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    expect(() => slotBoundaries(from, to, 'hourly', 'UTC')).toThrow(RangeError);
  }
});
