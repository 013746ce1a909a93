// The candles of one instrument, by interval: sorted by start, each in its newest revision.
import { toMillis } from "./format.js";

export const intervals = [
  { name: "1m", millis: 60_000 },
  { name: "5m", millis: 300_000 },
  { name: "15m", millis: 900_000 },
  { name: "1h", millis: 3_600_000 },
  { name: "4h", millis: 14_400_000 },
  { name: "1d", millis: 86_400_000 },
];

/** More are never on the screen; a page may stay open for months. */
const candlesMax = 2_000;

export class CandleSeries {
  #byInterval = new Map(intervals.map(({ name }) => [name, []]));

  candles(interval) { return this.#byInterval.get(interval); }

  clear() {
    for (const candles of this.#byInterval.values()) candles.length = 0;
  }

  /** Takes one revision; an older one than what is known changes nothing. Returns whether anything changed. */
  apply(value) {
    const candles = this.#byInterval.get(value.interval);
    if (!candles) return false;
    const start = toMillis(value.start);
    const index = insertionIndex(candles, start);
    const known = candles[index];
    if (known?.start === start) {
      if (value.revision < known.revision) return false;
      candles[index] = { ...value, start };
      return true;
    }
    candles.splice(index, 0, { ...value, start });
    if (candles.length > candlesMax) candles.shift();
    return true;
  }
}

/** The first index whose start is not before `start`; nearly always the last one or the end. */
function insertionIndex(candles, start) {
  let low = 0, high = candles.length;
  if (high > 0 && candles[high - 1].start < start) return high;
  if (high > 0 && candles[high - 1].start === start) return high - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (candles[middle].start < start) low = middle + 1; else high = middle;
  }
  return low;
}
