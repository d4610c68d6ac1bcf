/** The scrub bar: waveform, what is published, in and out, comment pins, playhead, and a picture of where the pointer is. */

import { LitElement, css, html, nothing } from "../lit.js";
import { PLAIN, placeText, stretchText } from "../counting.js";
import { shared } from "../styles.js";
import { timecodeText } from "../timecode.js";
import { drawPeaks } from "./drawing.js";
import { tileAt } from "./tiles.js";

const PREVIEW_PX = 192;
const WAVE_COLOUR = "#6f6f6f";

export class RkTimeline extends LitElement {
  static properties = {
    frame: { type: Number },
    frames: { type: Number },
    published: { type: Number },
    counting: {},
    range: {},
    looping: { type: Boolean },
    comments: {},
    tiles: {},
    peaks: {},
    hover: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: block;
        position: relative;
        margin: 0 12px;
        border-radius: var(--radius);
        touch-action: none;
        user-select: none;
        -webkit-user-select: none;
      }
      .bar {
        position: relative;
        height: 52px;
        background: #0e0e0e;
        border-radius: var(--radius);
        cursor: ew-resize;
      }
      .slider {
        position: absolute;
        inset: 0;
        border-radius: var(--radius);
      }
      canvas {
        position: absolute;
        inset: 4px 0 14px;
        width: 100%;
        height: calc(100% - 18px);
      }
      .published {
        position: absolute;
        left: 0;
        bottom: 11px;
        height: 2px;
        background: #8a8a8a;
      }
      .unpublished {
        position: absolute;
        inset: 0 0 0 auto;
        background: repeating-linear-gradient(135deg, #1b1b1b 0 6px, #111111 6px 12px);
        opacity: 0.8;
      }
      .range {
        position: absolute;
        inset: 0 auto 0 0;
        background: #e0b15c1f;
        border-inline: 2px solid var(--mark);
      }
      .range.idle {
        background: #ffffff12;
        border-color: #9a9a9a;
      }
      .head {
        position: absolute;
        inset: -3px auto -1px 0;
        width: 2px;
        margin-left: -1px;
        background: var(--mark);
        pointer-events: none;
      }
      .head::before {
        content: "";
        position: absolute;
        left: -5px;
        top: 0;
        border: 6px solid transparent;
        border-top: 8px solid var(--mark);
        border-bottom: 0;
      }
      .pin {
        position: absolute;
        bottom: 2px;
        width: 8px;
        height: 8px;
        min-height: 0;
        margin-left: -4px;
        padding: 0;
        border-radius: 50%;
        border: 0;
        background: var(--text);
      }
      .pin.resolved {
        background: #0e0e0e;
        border: 1.5px solid var(--quiet);
      }
      .span {
        position: absolute;
        bottom: 4px;
        height: 4px;
        min-width: 4px;
        border-radius: 2px;
        background: #ededed8c;
        pointer-events: none;
      }
      .span.resolved {
        background: #a8a8a840;
      }
      .pin::after {
        content: "";
        position: absolute;
        inset: -10px -6px;
      }
      .cursor {
        position: absolute;
        inset: 0 auto 0 0;
        width: 1px;
        background: #ffffff66;
        pointer-events: none;
      }
      .preview {
        position: absolute;
        bottom: calc(100% + 10px);
        z-index: 5;
        pointer-events: none;
        border-radius: var(--radius);
        overflow: hidden;
        background: #101010;
        border: 1px solid #4a4a4a;
        box-shadow: 0 6px 24px #000000b0;
        text-align: center;
        font-size: 13px;
      }
      .preview div {
        background-repeat: no-repeat;
      }
      .preview p {
        padding: 3px 8px;
      }
    `,
  ];

  constructor() {
    super();
    this.frame = 0;
    this.frames = 1;
    this.published = 1;
    /** @type {import("../counting.js").Counting} */
    this.counting = PLAIN;
    /** @type {{from: number | null, to: number | null}} */
    this.range = { from: null, to: null };
    this.looping = false;
    /** @type {import("../api.js").Comment[]} */
    this.comments = [];
    /** @type {import("./tiles.js").Tiles | null} */
    this.tiles = null;
    /** @type {import("./peaks.js").Peaks | null} */
    this.peaks = null;
    /** Where the pointer is. @type {{frame: number, x: number} | null} */
    this.hover = null;
    this.dragging = false;
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

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (["peaks", "frames", "counting"].some((name) => changed.has(name))) this.#draw();
  }

  /** @param {number} frame */
  #percent(frame) {
    return `${(100 * Math.min(Math.max(frame, 0), this.frames)) / Math.max(1, this.frames)}%`;
  }

  /** @param {PointerEvent} event */
  #frameAt(event) {
    const box = this.getBoundingClientRect();
    const x = Math.min(Math.max(0, event.clientX - box.left), box.width);
    return { frame: Math.min(this.frames - 1, Math.floor((x / box.width) * this.frames)), x };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    const bar = /** @type {HTMLElement} */ (event.currentTarget);
    bar.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.#move(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.hover = this.#frameAt(event);
    if (this.dragging) this.#seek(this.hover.frame);
  }

  #up() {
    this.dragging = false;
    this.hover = null;
  }

  #leave() {
    if (!this.dragging) this.hover = null;
  }

  /** @param {number} frame */
  #seek(frame) {
    this.dispatchEvent(new CustomEvent("seek", { detail: frame }));
  }

  #draw() {
    const { rate } = this.counting;
    drawPeaks(this.renderRoot.querySelector("canvas"), this.peaks, (this.frames * rate.d) / rate.n, WAVE_COLOUR);
  }

  render() {
    const { rate, start, first } = this.counting;
    const { from, to } = this.range;
    const right = `calc(100% - ${this.#percent((to ?? this.frames - 1) + 1)})`;
    return html`
      ${this.hover ? this.#renderPreview(this.hover) : nothing}
      <div class="bar" @pointerdown=${this.#down} @pointermove=${this.#move} @pointerup=${this.#up} @pointercancel=${this.#up} @pointerleave=${this.#leave}>
        <div class="slider" role="slider" tabindex="0" aria-label="Position in the film" aria-valuemin=${first} aria-valuemax=${Math.max(0, this.frames - 1) + first}
          aria-valuenow=${this.frame + first} aria-valuetext="${timecodeText(this.frame, rate, start)}, frame ${this.frame + first}"><canvas aria-hidden="true"></canvas></div>
        ${this.published < this.frames ? html`<div class="unpublished" .style=${`left:${this.#percent(this.published)}`}></div>` : nothing}
        <div class="published" .style=${`width:${this.#percent(this.published)}`}></div>
        ${from !== null || to !== null ? html`<div class="range ${this.looping ? "" : "idle"}" .style=${`left:${this.#percent(from ?? 0)};right:${right}`}></div>` : nothing}
        ${this.hover ? html`<div class="cursor" .style=${`left:${this.hover.x}px`}></div>` : nothing}
        ${this.comments.map((comment) => this.#renderPin(comment))}
        <div class="head" .style=${`left:${this.#percent(this.frame + 0.5)}`}></div>
      </div>
    `;
  }

  /** @param {import("../api.js").Comment} comment */
  #renderPin(comment) {
    const at = stretchText(comment.frame, comment.last_frame, this.counting);
    const resolved = comment.resolved_at === null ? "" : "resolved";
    const seek = (/** @type {Event} */ event) => {
      event.stopPropagation();
      this.dispatchEvent(new CustomEvent("comment", { detail: comment }));
    };
    return html`${this.#renderSpan(comment, resolved)}<button
      class="pin ${resolved}"
      tabindex="-1"
      .style=${`left:${this.#percent(comment.frame + 0.5)}`}
      aria-label="Comment by ${comment.author.name} at ${at}"
      title="${comment.author.name}: ${comment.text}"
      @pointerdown=${(/** @type {Event} */ event) => event.stopPropagation()}
      @click=${seek}
    ></button>`;
  }

  /**
   * The frames that a comment covers, if there are several.
   * @param {import("../api.js").Comment} comment
   * @param {string} resolved
   */
  #renderSpan({ frame, last_frame: last }, resolved) {
    if (last === null) return nothing;
    return html`<div class="span ${resolved}" .style=${`left:${this.#percent(frame + 0.5)};right:calc(100% - ${this.#percent(last + 1)})`}></div>`;
  }

  /** @param {{frame: number, x: number}} hover */
  #renderPreview({ frame, x }) {
    const tile = this.tiles && frame < this.published ? tileAt(this.tiles, frame) : null;
    const scale = this.tiles ? PREVIEW_PX / this.tiles.widthPx : 1;
    const width = tile ? PREVIEW_PX : 120;
    const left = Math.min(Math.max(4, x - width / 2), this.clientWidth - width - 4);
    const size = this.tiles ? `${this.tiles.widthPx * this.tiles.columns * scale}px auto` : "auto";
    return html`<div class="preview" .style=${`left:${left}px;width:${width}px`}>
      ${tile && this.tiles
        ? html`<div
            .style=${`height:${this.tiles.heightPx * scale}px;background-image:url("${tile.url}");background-size:${size};background-position:${-tile.xPx * scale}px ${-tile.yPx * scale}px`}
          ></div>`
        : nothing}
      <p>${placeText(frame, this.counting)}${frame >= this.published ? html`<br /><span class="quiet">not made yet</span>` : nothing}</p>
    </div>`;
  }
}
customElements.define("rk-timeline", RkTimeline);
