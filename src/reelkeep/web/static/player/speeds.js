/** The speeds that a film can be played at, besides the shuttle's. Pure; no I/O. */

export const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];

/**
 * @param {number} speed  one of SPEEDS
 * @param {"faster" | "slower" | "ownSpeed"} action
 */
export function speedAfter(speed, action) {
  if (action === "ownSpeed") return 1;
  const next = SPEEDS.indexOf(speed) + (action === "faster" ? 1 : -1);
  return SPEEDS[Math.min(Math.max(0, next), SPEEDS.length - 1)];
}

/** @param {number} speed */
export function speedText(speed) {
  return `${speed}×`;
}
