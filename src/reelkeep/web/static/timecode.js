/**
 * Frames and timecode: the text form of SMPTE ST 12-1, and the way back. Pure; no I/O.
 *
 * @typedef {{n: number, d: number}} Rate  frames a second as an exact fraction
 * @typedef {{frame: number, dropFrame: boolean}} StartTimecode  frames since 00:00:00:00 of the first frame
 */

/**
 * Frames counted in one timecode second: 24 for 24000/1001.
 * @param {Rate} rate
 */
export function nominalRate(rate) {
  return Math.max(1, Math.round(rate.n / rate.d));
}

/**
 * The timecode of a frame. Drop-frame leaves out two numbers (at 60: four) each minute but the tenth.
 * @param {number} frame  from 0 on
 * @param {Rate} rate
 * @param {StartTimecode | null} start
 */
export function timecodeText(frame, rate, start) {
  const nominal = nominalRate(rate);
  const drop = start?.dropFrame ?? false;
  let number = (start?.frame ?? 0) + frame;
  if (drop) number += droppedBefore(number, nominal);
  const frames = number % nominal;
  const seconds = Math.floor(number / nominal);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const text = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${text}${drop ? ";" : ":"}${two(frames)}`;
}

/**
 * @param {number} number  a count of real frames
 * @param {number} nominal
 */
function droppedBefore(number, nominal) {
  const dropped = Math.floor(nominal / 15);
  const perTenMinutes = nominal * 600 - dropped * 9;
  const tens = Math.floor(number / perTenMinutes);
  const rest = number % perTenMinutes;
  const inTen = rest < nominal * 60 ? 0 : 1 + Math.floor((rest - nominal * 60) / (nominal * 60 - dropped));
  return dropped * (9 * tens + inTen);
}

/**
 * Read what a person typed: a frame number ("1200"), or a timecode, whole or short ("1:02:00", "10;00").
 * @param {string} text
 * @param {Rate} rate
 * @param {StartTimecode | null} start
 * @returns {number | null}  a frame from 0 on (maybe past the end), or null if it is neither
 */
export function frameFromText(text, rate, start) {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed);
  if (!/^\d{1,2}([:;.]\d{1,2}){1,3}$/.test(trimmed)) return null;
  const parts = trimmed.split(/[:;.]/).map(Number);
  while (parts.length < 4) parts.unshift(0);
  const [hours, minutes, seconds, frames] = parts;
  const nominal = nominalRate(rate);
  if (minutes > 59 || seconds > 59 || frames >= nominal) return null;
  let number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames;
  if (start?.dropFrame) {
    const dropped = Math.floor(nominal / 15);
    const wholeMinutes = hours * 60 + minutes;
    number -= dropped * (wholeMinutes - Math.floor(wholeMinutes / 10));
  }
  const short = trimmed.split(/[:;.]/).length < 4;
  const frame = number - (short ? 0 : (start?.frame ?? 0));
  return frame >= 0 ? frame : null;
}
