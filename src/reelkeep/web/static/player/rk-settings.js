/** The panel for speed, quality, size and the way of saying places, opened from the transport. */

import { LitElement, css, html, nothing } from "../lit.js";
import { icons } from "../icons.js";
import { shared } from "../styles.js";
import { keyInPanel, pointInPanel } from "./panel.js";
import { choiceOf } from "./sounds.js";
import { SPEEDS, speedText } from "./speeds.js";

/** Room between the panel and its button, or the window's edge. */
const EDGE_PX = 8;
/** @type {[string, import("../counting.js").Shown][]} */
const SHOWN = [["Timecode", "timecode"], ["Frames", "frames"]];

export class RkSettings extends LitElement {
  static properties = {
    habits: {},
    heights: {},
    actual: { type: Boolean },
    silent: { type: Boolean },
    pictured: { type: Boolean },
    sounds: {},
    sound: {},
    revision: { type: Number },
  };

  static styles = [
    shared,
    css`
      [popover] {
        position: fixed;
        inset: auto;
        margin: 0;
        padding: 14px 16px 16px;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--panel);
        color: var(--text);
        box-shadow: 0 10px 40px #000000c0;
        max-width: calc(100vw - 16px);
        max-height: calc(100dvh - 16px);
        overflow: auto;
      }
      .rows {
        display: grid;
        gap: 12px;
      }
      .title {
        font-size: 12px;
        color: var(--quiet);
        padding-bottom: 4px;
      }
      .choice {
        display: flex;
        flex-wrap: wrap;
        gap: 2px;
      }
      .choice button {
        min-height: 32px;
        padding: 0 10px;
        min-width: 44px;
      }
      .choice button[aria-pressed="true"] {
        background: var(--raised);
        border-color: var(--strong-line);
        color: var(--mark);
      }
      input[type="range"] {
        width: 100%;
      }
      .narrow {
        display: none;
      }
      @media (max-width: 860px) {
        .narrow {
          display: block;
        }
      }
      @media (pointer: coarse) {
        .choice button {
          min-height: 44px;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("./habits.js").Habits | null} */
    this.habits = null;
    /** @type {number[]} */
    this.heights = [];
    this.actual = false;
    this.silent = false;
    this.pictured = true;
    /** @type {import("./sounds.js").SoundTrack[]} */
    this.sounds = [];
    /** The one that is played. @type {import("./sounds.js").SoundTrack | null} */
    this.sound = null;
    this.revision = 0;
  }

  get #title() {
    return this.sounds.length > 1 ? "Speed, quality, size, sound track" : "Speed, quality, size";
  }

  /** The panel stands above its button and within the window. @param {Event} event */
  #place(event) {
    if (/** @type {ToggleEvent} */ (event).newState !== "open") return;
    const panel = /** @type {HTMLElement} */ (event.target);
    const button = /** @type {HTMLElement} */ (this.renderRoot.querySelector("button")).getBoundingClientRect();
    panel.style.bottom = `${Math.max(EDGE_PX, Math.min(innerHeight - button.top + EDGE_PX, innerHeight - panel.offsetHeight - EDGE_PX))}px`;
    panel.style.right = `${Math.max(EDGE_PX, innerWidth - button.right - 40)}px`;
  }

  render() {
    const { habits } = this;
    if (!habits) return nothing;
    return html`<button class="plain icon" popovertarget="panel" aria-label=${this.#title} title=${this.#title}>${icons.settings}</button>
      <div id="panel" popover role="dialog" aria-label=${this.#title} @toggle=${this.#place} @pointerdown=${pointInPanel} @keydown=${keyInPanel}><div class="rows">
        ${this.#choice("Speed", SPEEDS.map((speed) => [speedText(speed), speed]), habits.speed, (speed) => habits.set("speed", speed))}
        ${this.pictured ? this.#choice("Quality", [["Automatic", null], ...this.heights.map((lines) => /** @type {[string, number]} */ ([`${lines}p`, lines]))], habits.lines, (lines) => habits.set("lines", lines)) : nothing}
        ${this.pictured ? this.#choice("Size", [["Fit", false], ["1:1", true]], this.actual, (actual) => this.dispatchEvent(new CustomEvent("size", { detail: actual }))) : nothing}
        ${this.sounds.length > 1 ? this.#choice("Sound (N)", this.sounds.map((sound) => [sound.text, sound.label]), this.sound?.label ?? "", (label) => this.#hear(label)) : nothing}
        ${this.#choice("Places", SHOWN, habits.shown, (shown) => habits.set("shown", shown))}
        ${this.silent ? nothing : html`<div class="narrow"><p class="title" id="volume">Volume</p><input type="range" aria-labelledby="volume" min="0" max="1" step="0.05" .value=${String(habits.muted ? 0 : habits.volume)} @input=${this.#turn} /></div>`}
      </div></div>`;
  }

  /** @param {string} label */
  #hear(label) {
    const sound = this.sounds.find((each) => each.label === label);
    if (sound) this.habits?.set("sound", choiceOf(sound));
  }

  /** @param {Event} event */
  #turn(event) {
    this.habits?.turn(Number(/** @type {HTMLInputElement} */ (event.target).value));
  }

  /**
   * A row of buttons, one of them pressed.
   * @template T
   * @param {string} title
   * @param {[string, T][]} choices
   * @param {T} chosen
   * @param {(value: T) => void} choose
   */
  #choice(title, choices, chosen, choose) {
    return html`<div role="group" aria-label=${title}><p class="title">${title}</p>
      <div class="choice">${choices.map(([text, value]) => html`<button class="plain" aria-pressed=${String(value === chosen)} @click=${() => choose(value)}>${text}</button>`)}</div>
    </div>`;
  }
}
customElements.define("rk-settings", RkSettings);
