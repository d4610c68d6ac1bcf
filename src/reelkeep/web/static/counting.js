/**
 * How a place in the film is said: by the film's timecode, or by frame numbers that begin where the production has
 * them begin. Inside the page and in its addresses frames are counted from 0. Pure; no I/O.
 *
 * @typedef {"timecode" | "frames"} Shown
 * @typedef {{rate: import("./timecode.js").Rate, start: import("./timecode.js").StartTimecode | null, first: number,
 *   shown: Shown}} Counting  first: the number of the first frame
 */

import { frameFromText, timecodeText } from "./timecode.js";

/** Before anything is known. @type {Counting} */
export const PLAIN = { rate: { n: 24, d: 1 }, start: null, first: 0, shown: "timecode" };

/**
 * @param {number} frame
 * @param {Counting} counting
 */
export function placeText(frame, counting) {
  return counting.shown === "frames" ? String(frame + counting.first) : timecodeText(frame, counting.rate, counting.start);
}

/**
 * @param {number} frame
 * @param {number | null} last  the last frame of a range, or null for the one frame
 * @param {Counting} counting
 */
export function stretchText(frame, last, counting) {
  const from = placeText(frame, counting);
  return last === null ? from : `${from} – ${placeText(last, counting)}`;
}

/**
 * Read what a person typed, a frame number as the production counts them or a timecode.
 * @param {string} text
 * @param {Counting} counting
 * @returns {number | null}  a frame from 0 on (maybe past the end), or null if it is neither
 */
export function placeFromText(text, { rate, start, first }) {
  const isNumber = /^\s*\d+\s*$/.test(text);
  const frame = frameFromText(text, rate, start);
  if (frame === null || !isNumber) return frame;
  return frame >= first ? frame - first : null;
}
