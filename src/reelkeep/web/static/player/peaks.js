/** Waveform peaks: the lowest and highest sample of each short stretch of sound. Pure; no I/O. */

/**
 * @typedef {{secondsPerPeak: number, low: Float32Array, high: Float32Array,
 *   loudest: number}} Peaks
 */

const FULL_SCALE = 128;

/** A drawing is hardly ever wider than this many columns: a finer zoom is not worth reading. */
const ENOUGH_POINTS = 4_000;

/**
 * Read `peaks.json`: `{rate_hz, zooms: [{samples_per_point, points, pairs}]}`, coarsest zoom first; `pairs` is base64
 * of the lowest and the highest value of each point as signed bytes.
 * @param {any} record
 * @returns {Peaks | null}
 */
export function readPeaks(record) {
  const zooms = Array.isArray(record?.zooms) ? record.zooms : [];
  const zoom = zooms.find((/** @type {any} */ each) => each.points >= ENOUGH_POINTS) ?? zooms.at(-1);
  if (!zoom || !(zoom.samples_per_point > 0) || !(record.rate_hz > 0)) return null;
  const bytes = Int8Array.from(atob(zoom.pairs), (character) => character.charCodeAt(0));
  const count = Math.floor(bytes.length / 2);
  const low = Float32Array.from({ length: count }, (_, index) => bytes[2 * index] / FULL_SCALE);
  const high = Float32Array.from({ length: count }, (_, index) => bytes[2 * index + 1] / FULL_SCALE);
  const loudest = high.reduce((most, value, index) => Math.max(most, value, -low[index]), 0);
  return { secondsPerPeak: zoom.samples_per_point / record.rate_hz, low, high, loudest };
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
