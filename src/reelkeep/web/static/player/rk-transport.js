/** The buttons under the picture, the timecode and the frame counter; every button says which key does the same. */

import { LitElement, css, html, live, nothing } from "../lit.js";
import { PLAIN, placeFromText } from "../counting.js";
import { icons } from "../icons.js";
import { shared } from "../styles.js";
import { timecodeText } from "../timecode.js";
import { BINDINGS } from "./keys.js";
import { speedText } from "./speeds.js";
import "./rk-settings.js";

/** @typedef {import("./keys.js").Action} Action */

export class RkTransport extends LitElement {
  static properties = {
    frame: { type: Number },
    frames: { type: Number },
    counting: {},
    state: {},
    speed: { type: Number },
    habits: {},
    heights: {},
    actual: { type: Boolean },
    pictured: { type: Boolean },
    looping: { type: Boolean },
    silent: { type: Boolean },
    sounds: {},
    sound: {},
    quality: {},
    revision: { type: Number },
    wrong: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(max-content, 1fr) auto minmax(max-content, 1fr);
        align-items: center;
        gap: 12px;
        padding: 8px 12px;
      }
      .clock {
        display: flex;
        align-items: center;
        gap: 8px;
        min-width: 0;
      }
      input {
        background: none;
        border-color: transparent;
        padding: 4px 6px;
        font-variant-numeric: tabular-nums;
      }
      input:hover,
      input:focus {
        border-color: var(--strong-line);
        background: #101010;
      }
      input.wrong {
        border-color: var(--bad);
      }
      .timecode {
        width: 7.6em;
        font-size: 17px;
        font-weight: 500;
      }
      .counter {
        width: 5.2em;
        text-align: right;
        color: var(--text);
      }
      .counted {
        display: flex;
        align-items: center;
        color: var(--quiet);
        white-space: nowrap;
      }
      .buttons {
        display: flex;
        align-items: center;
        gap: 2px;
      }
      .play {
        width: 48px;
        margin: 0 4px;
        border-radius: 24px;
        background: var(--raised);
      }
      .right {
        display: flex;
        align-items: center;
        justify-content: flex-end;
        gap: 2px;
        min-width: 0;
      }
      .status {
        color: var(--quiet);
        white-space: nowrap;
        margin-right: 8px;
        text-align: right;
      }
      button[aria-pressed="true"] {
        color: var(--mark);
      }
      .volume {
        width: 72px;
        padding: 0;
        min-height: 28px;
      }
      .narrow {
        display: none;
      }
      @media (max-width: 860px) {
        .narrow {
          display: contents;
        }
        :host {
          grid-template-columns: 1fr auto;
          gap: 4px 8px;
          padding: 6px 8px 8px;
        }
        .buttons {
          grid-column: 1 / -1;
          grid-row: 2;
          justify-content: space-between;
        }
        .clock {
          gap: 2px;
        }
        .timecode {
          width: 6.9em;
        }
        .counter {
          width: 4.2em;
        }
        .status {
          margin-right: 2px;
        }
        .status.quality {
          display: none;
        }
        .wide {
          display: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.frame = 0;
    this.frames = 1;
    /** @type {import("../counting.js").Counting} */
    this.counting = PLAIN;
    this.state = "loading";
    this.speed = 1;
    /** @type {import("./habits.js").Habits | null} */
    this.habits = null;
    /** @type {number[]} */
    this.heights = [];
    this.actual = false;
    this.pictured = true;
    this.looping = false;
    this.silent = false;
    /** @type {import("./sounds.js").SoundTrack[]} */
    this.sounds = [];
    /** @type {import("./sounds.js").SoundTrack | null} */
    this.sound = null;
    this.quality = "";
    /** Counts the changes of `habits`, which are read anew then. */
    this.revision = 0;
    this.wrong = "";
  }

  /** Put the cursor into the timecode, all of it selected. */
  editTimecode() {
    const input = /** @type {HTMLInputElement | null} */ (this.renderRoot.querySelector(".timecode"));
    input?.focus();
    input?.select();
  }

  /** @param {Action} action */
  #do(action) {
    this.dispatchEvent(new CustomEvent("action", { detail: action }));
  }

  /**
   * @param {Event} event
   * @param {"timecode" | "frame"} what
   */
  #typed(event, what) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const frame = placeFromText(input.value, this.counting);
    this.wrong = frame === null ? what : "";
    if (frame === null) return;
    this.dispatchEvent(new CustomEvent("go-to", { detail: frame }));
    input.blur();
    this.requestUpdate();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (event.key === "Enter") input.dispatchEvent(new Event("change"));
    if (event.key === "Escape") {
      this.wrong = "";
      input.value = input.dataset.shown ?? "";
      input.blur();
    }
    event.stopPropagation();
  }

  /** @param {Event} event */
  #turn(event) {
    this.habits?.turn(Number(/** @type {HTMLInputElement} */ (event.target).value));
  }

  /** @param {FocusEvent} event */
  #focus(event) {
    /** @type {HTMLInputElement} */ (event.target).select();
  }

  get #statusText() {
    if (this.state === "loading") return "Opening";
    if (this.state === "waiting") return "Waiting for pictures";
    if (this.state === "reverse") return `◀ ${speedText(this.speed)}`;
    if (this.state === "playing" && this.speed !== 1) return `▶ ${speedText(this.speed)}`;
    if (this.state === "paused" && this.habits && this.habits.speed !== 1) return speedText(this.habits.speed);
    return this.quality;
  }

  render() {
    const { rate, start, first } = this.counting;
    const timecode = timecodeText(this.frame, rate, start);
    const muted = this.habits?.muted ?? false;
    const volume = muted ? 0 : (this.habits?.volume ?? 1);
    const moving = this.state === "playing" || this.state === "reverse" || this.state === "waiting";
    return html`
      <div class="clock">
        <input class="timecode ${this.wrong === "timecode" ? "wrong" : ""}" aria-label="Timecode; type one to go there (G)" title="Type a timecode to go there (G)"
          inputmode="numeric" autocomplete="off" spellcheck="false" data-shown=${timecode} .value=${live(this.#shown("timecode", timecode))}
          @focus=${this.#focus} @keydown=${this.#key} @change=${(/** @type {Event} */ event) => this.#typed(event, "timecode")} />
        <span class="counted"><input class="counter ${this.wrong === "frame" ? "wrong" : ""}" aria-label="Frame; type a number to go there" title="Type a frame to go there"
          inputmode="numeric" autocomplete="off" data-shown=${this.frame + first} .value=${live(this.#shown("counter", String(this.frame + first)))}
          @focus=${this.#focus} @keydown=${this.#key} @change=${(/** @type {Event} */ event) => this.#typed(event, "frame")} /><span class="wide">&nbsp;/ ${this.frames - 1 + first}</span></span>
      </div>
      <div class="buttons" role="group" aria-label="Transport">
        ${this.#button("markIn", icons.markIn)}
        ${this.#button("back", icons.back, this.state === "reverse")}
        ${this.#button("stepBack", icons.stepBack)}
        <button class="icon play" aria-label=${moving ? "Pause" : "Play"} title="${moving ? "Pause" : "Play"} (Space)" @click=${() => this.#do("toggle")}>${moving ? icons.pause : icons.play}</button>
        ${this.#button("stepForward", icons.stepForward)}
        ${this.#button("markOut", icons.markOut)}
        ${this.#button("loop", icons.loop, this.looping)}
      </div>
      <div class="right">
        <span class="status ${this.#statusText === this.quality ? "quality" : ""}">${this.#statusText}</span>
        ${this.silent
          ? nothing
          : html`${this.#button("mute", muted ? icons.mute : icons.sound, muted)}
              <input class="volume wide" type="range" min="0" max="1" step="0.05" aria-label="Volume (↑ ↓)" title="Volume (↑ ↓)" .value=${live(String(volume))} @input=${this.#turn} />`}
        <span class="narrow">${this.#button("comment", icons.comment)}</span>
        <rk-settings .habits=${this.habits} .heights=${this.heights} .actual=${this.actual} .silent=${this.silent} .sounds=${this.sounds} .sound=${this.sound} .pictured=${this.pictured} .revision=${this.revision}
          @size=${(/** @type {CustomEvent} */ event) => this.dispatchEvent(new CustomEvent("size", { detail: event.detail }))}></rk-settings>
        ${this.pictured ? html`<span class="wide">${this.#button("zoom", icons.actual, this.actual)}</span>` : nothing}
        <span class="wide">${this.#button("help", icons.keys)}</span>
        ${this.#button("fullScreen", icons.fullScreen)}
      </div>
    `;
  }

  /**
   * What a field shows: its own text while a person types into it.
   * @param {string} name
   * @param {string} value
   */
  #shown(name, value) {
    const input = /** @type {HTMLInputElement | null} */ (this.renderRoot.querySelector(`.${name}`));
    return input && input === /** @type {ShadowRoot} */ (this.renderRoot).activeElement ? input.value : value;
  }

  /**
   * @param {Action} action
   * @param {unknown} picture
   * @param {boolean} [pressed]
   */
  #button(action, picture, pressed) {
    const binding = BINDINGS.find((each) => each.action === action);
    const label = `${binding?.does} (${binding?.shown})`;
    return html`<button class="plain icon" aria-label=${label} title=${label} aria-pressed=${pressed === undefined ? nothing : String(pressed)} @click=${() => this.#do(action)}>${picture}</button>`;
  }
}
customElements.define("rk-transport", RkTransport);
