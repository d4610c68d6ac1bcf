/** In point, out point and loop, in frames. Pure; no I/O. */

/** @typedef {{from: number | null, to: number | null}} Range */

/** @type {Range} */
export const WHOLE = { from: null, to: null };

/**
 * Set or clear a point; one that would turn the range round takes the other away.
 * @param {Range} range
 * @param {string} action
 * @param {number} frame
 * @returns {Range}
 */
export function marked({ from, to }, action, frame) {
  switch (action) {
    case "markIn":
      return { from: frame, to: to !== null && to > frame ? to : null };
    case "markOut":
      return { from: from !== null && from < frame ? from : null, to: frame };
    case "clearMarks":
      return WHOLE;
    default:
      return { from, to };
  }
}

/**
 * What a loop runs over.
 * @param {Range} range
 * @param {number} frames  the film's length
 * @returns {{from: number, to: number}}
 */
export function loopOf({ from, to }, frames) {
  return { from: from ?? 0, to: to ?? frames - 1 };
}
