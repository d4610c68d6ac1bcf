/**
 * The frame clock: frames are integers; seconds appear only where the video element needs them. Pure; no I/O.
 *
 * A seek aims at the middle of a frame, because its first instant may round into the frame before.
 * Proxies start at exactly 0 and have a constant rate, so the way back is one floor.
 *
 * @typedef {import("./timecode.js").Rate} Rate
 */

/** Room for the microsecond that browsers round media times to: at 120 frames a second it is 0.00012 of a frame. */
const ROUNDING_FRAMES = 0.01;

/**
 * Where to seek so that this frame is painted.
 * @param {number} frame
 * @param {Rate} rate
 * @returns {number} seconds
 */
export function seekSeconds(frame, rate) {
  return ((frame + 0.5) * rate.d) / rate.n;
}

/**
 * Which frame a painted picture is.
 * @param {number} seconds  `mediaTime` of requestVideoFrameCallback, or `currentTime`
 * @param {Rate} rate
 */
export function frameAt(seconds, rate) {
  return Math.floor((seconds * rate.n) / rate.d + ROUNDING_FRAMES);
}

/**
 * @param {number} frame
 * @param {number} frames  how many frames may be shown, at least 1
 */
export function clampFrame(frame, frames) {
  return Math.min(Math.max(0, Math.round(frame)), Math.max(0, frames - 1));
}
