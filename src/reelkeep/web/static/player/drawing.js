/** Draws a waveform on a canvas, as large as the canvas is on the screen. */

import { spanOf } from "./peaks.js";

/** A film's loudest moment fills the height, unless it is quieter than this: then it is noise. */
const QUIETEST_FULL_HEIGHT = 0.08;

/**
 * @param {HTMLCanvasElement | null} canvas
 * @param {import("./peaks.js").Peaks | null} peaks
 * @param {number} seconds  what the width stands for
 * @param {string} colour
 */
export function drawPeaks(canvas, peaks, seconds, colour) {
  const context = canvas?.getContext("2d");
  if (!canvas || !context) return;
  const scale = Math.min(2, devicePixelRatio);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  canvas.width = width;
  canvas.height = height;
  if (!peaks) return;
  context.fillStyle = colour;
  const gain = 1 / Math.max(QUIETEST_FULL_HEIGHT, peaks.loudest);
  for (let x = 0; x < width; x += 1) {
    const [low, high] = spanOf(peaks, (x / width) * seconds, ((x + 1) / width) * seconds);
    const top = (height / 2) * (1 - high * gain);
    context.fillRect(x, top, 1, Math.max(1, (height / 2) * (1 - low * gain) - top));
  }
}
