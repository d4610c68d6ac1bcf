/** The picture of a film that has none: a few seconds of its sound's waveform around the playhead. */

import { LitElement, css, html } from "../lit.js";
import { shared } from "../styles.js";
import { drawPeaks } from "./drawing.js";

const WINDOW_SECONDS = 10;
const COLOUR = "#b9b9b9";

/**
 * The stretch of a waveform from one moment on; silence beyond both ends.
 * @param {import("./peaks.js").Peaks} peaks
 * @param {number} from  seconds; may be negative
 * @param {number} seconds
 * @returns {import("./peaks.js").Peaks}
 */
export function stretch(peaks, from, seconds) {
  const first = Math.round(from / peaks.secondsPerPeak);
  const count = Math.max(1, Math.round(seconds / peaks.secondsPerPeak));
  const part = (/** @type {Float32Array} */ values) => Float32Array.from({ length: count }, (_, index) => values[first + index] ?? 0);
  return { ...peaks, low: part(peaks.low), high: part(peaks.high) };
}

export class RkWave extends LitElement {
  static properties = { peaks: {}, seconds: { type: Number } };

  static styles = [
    shared,
    css`
      :host {
        position: absolute;
        inset: 0;
        z-index: 2;
        background: #0b0b0b;
      }
      canvas {
        position: absolute;
        inset: 18% 0;
        width: 100%;
        height: 64%;
      }
      i {
        position: absolute;
        inset: 10% auto 10% 50%;
        width: 2px;
        margin-left: -1px;
        background: var(--mark);
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("./peaks.js").Peaks | null} */
    this.peaks = null;
    this.seconds = 0;
    this.resizer = new ResizeObserver(() => this.#draw());
  }

  connectedCallback() {
    super.connectedCallback();
    this.resizer.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.resizer.disconnect();
  }

  updated() {
    this.#draw();
  }

  #draw() {
    const part = this.peaks && stretch(this.peaks, this.seconds - WINDOW_SECONDS / 2, WINDOW_SECONDS);
    drawPeaks(this.renderRoot.querySelector("canvas"), part, WINDOW_SECONDS, COLOUR);
  }

  render() {
    return html`<canvas aria-hidden="true"></canvas><i></i>`;
  }
}
customElements.define("rk-wave", RkWave);
