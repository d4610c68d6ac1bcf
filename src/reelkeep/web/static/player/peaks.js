/** Waveform peaks: the lowest and highest sample of each short stretch of sound. Pure; no I/O. */

/**
 * @typedef {{secondsPerPeak: number, low: Float32Array, high: Float32Array,
 *   loudest: number}} Peaks
 */

const FULL_SCALE = 128;

/**
 * Read `peaks.json`: `{rate_hz, samples_per_peak, peaks: [low, high, low, high, ...]}` with values of -128 to 127.
 * @param {any} record
 * @returns {Peaks | null}
 */
export function readPeaks(record) {
  const values = record?.peaks;
  if (!Array.isArray(values) || !(record.samples_per_peak > 0) || !(record.rate_hz > 0)) return null;
  const count = Math.floor(values.length / 2);
  const low = new Float32Array(count);
  const high = new Float32Array(count);
  for (let index = 0; index < count; index += 1) {
    low[index] = values[2 * index] / FULL_SCALE;
    high[index] = values[2 * index + 1] / FULL_SCALE;
  }
  const loudest = high.reduce((most, value, index) => Math.max(most, value, -low[index]), 0);
  return { secondsPerPeak: record.samples_per_peak / record.rate_hz, low, high, loudest };
}

/**
 * The loudest stretch within a span of time, for one column of the drawing.
 * @param {Peaks} peaks
 * @param {number} from  seconds
 * @param {number} to  seconds
 * @returns {[number, number]}
 */
export function spanOf(peaks, from, to) {
  const first = Math.max(0, Math.floor(from / peaks.secondsPerPeak));
  const last = Math.min(peaks.low.length - 1, Math.max(first, Math.ceil(to / peaks.secondsPerPeak) - 1));
  let low = 0;
  let high = 0;
  for (let index = first; index <= last; index += 1) {
    low = Math.min(low, peaks.low[index]);
    high = Math.max(high, peaks.high[index]);
  }
  return [low, high];
}
