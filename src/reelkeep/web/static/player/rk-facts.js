/** What the original is, in a panel opened from the top of the page: container, picture, sound tracks, loudness. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get } from "../api.js";
import { icons } from "../icons.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { LUT_INPUTS, lightText } from "../version-words.js";
import { keyInPanel, pointInPanel } from "./panel.js";
import { languageText } from "./sounds.js";

/** @typedef {import("../api.js").Facts} Facts */

/** Room between the panel and its button, or the window's edge. */
const EDGE_PX = 12;

export class RkFacts extends LitElement {
  static properties = {
    version: {},
    facts: { state: true },
    problem: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: contents;
      }
      [popover] {
        position: fixed;
        inset: auto;
        margin: 0;
        padding: 16px 18px 18px;
        width: min(520px, calc(100vw - 24px));
        max-height: calc(100dvh - 112px);
        overflow: auto;
        border: 1px solid var(--line);
        border-radius: 10px;
        background: var(--panel);
        color: var(--text);
        box-shadow: 0 10px 40px #000000c0;
      }
      h2 {
        font-size: 15px;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 6px 16px;
        margin: 12px 0 0;
      }
      dt {
        color: var(--quiet);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      .more {
        display: block;
        color: var(--quiet);
        font-size: 13px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Version | null} */
    this.version = null;
    /** @type {Facts | null} */
    this.facts = null;
    /** @type {unknown} */
    this.problem = null;
  }

  /** @param {Event} event */
  async #toggled(event) {
    if (/** @type {ToggleEvent} */ (event).newState !== "open") return;
    const panel = /** @type {HTMLElement} */ (event.target);
    const button = /** @type {HTMLElement} */ (this.renderRoot.querySelector("button")).getBoundingClientRect();
    panel.style.left = `${Math.max(EDGE_PX, button.right - panel.offsetWidth)}px`;
    panel.style.top = `${button.bottom + EDGE_PX}px`;
    this.problem = null;
    this.facts = null;
    try {
      this.facts = await get(`/versions/${this.version?.id}/facts`);
    } catch (problem) {
      this.problem = problem;
    }
  }

  render() {
    return html`<button class="plain icon" popovertarget="facts" aria-label="About the original" title="About the original">${icons.info}</button>
      <div id="facts" popover role="dialog" aria-label="About the original" tabindex="-1" @toggle=${this.#toggled} @pointerdown=${pointInPanel} @keydown=${keyInPanel}>
        <h2>${this.version?.file_name ?? ""}</h2>
        <p role="alert" class="bad">${this.problem ? wordsInOne(this.problem) : ""}</p>
        ${this.facts ? html`<dl>${rowsOf(this.facts, this.version?.size_bytes ?? 0).map(([name, value, more]) => html`<dt>${name}</dt><dd>${value}${more ? html`<span class="more">${more}</span>` : nothing}</dd>`)}</dl>` : nothing}
      </div>`;
  }
}

/**
 * @param {Facts} facts
 * @param {number} bytes
 * @returns {[name: string, value: string, more: string][]}
 */
function rowsOf(facts, bytes) {
  /** @type {[string, string, string][]} */
  const rows = [["Size", `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`, ""]];
  if (facts.container) rows.push(["Container", facts.container, ""]);
  if (facts.video_codec) rows.push(["Picture", `${facts.video_codec}, ${facts.width_px} × ${facts.height_px}`, lightText(facts.light, facts.lut)]);
  if (facts.lut) rows.push(["LUT", facts.lut.name, facts.light === "linear" ? (LUT_INPUTS[facts.lut.input] ?? "") : "By the numbers of the file"]);
  if (facts.rate) rows.push(["Frame rate", `${Number((facts.rate[0] / facts.rate[1]).toFixed(3))} frames a second`, timesText(facts.times)]);
  if (facts.start_timecode) rows.push(["Start", facts.start_timecode, ""]);
  const sounds = facts.sounds ?? [];
  for (const [number, sound] of sounds.entries()) rows.push([sounds.length > 1 ? `Sound ${number + 1}` : "Sound", soundText(sound), loudnessText(sound.loudness)]);
  return rows;
}

/**
 * How far apart the pictures of an original without a constant rate are.
 * @param {Facts["times"]} times
 */
function timesText(times) {
  if (!times) return "";
  const [shortest, longest] = [times.shortest_ticks, times.longest_ticks].map((ticks) => Math.round((ticks * 1000 * times.numerator) / times.denominator));
  return `The original's rate is variable: ${times.pictures} pictures, ${shortest} to ${longest} ms apart`;
}

/** @param {import("../api.js").Sound} sound */
function soundText(sound) {
  const own = [sound.language && languageText(sound.language), sound.title].filter(Boolean).join(", ");
  const streams = sound.streams > 1 ? `, of ${sound.streams} streams` : "";
  const coding = `${sound.codec}, ${sound.layout}${streams}, ${sound.rate_hz / 1000} kHz`;
  return own ? `${own}: ${coding}` : coding;
}

/** @param {import("../api.js").Loudness | null} loudness */
function loudnessText(loudness) {
  if (!loudness) return "";
  const { integrated_lufs: integrated, range_lu: range, true_peak_dbtp: peak } = loudness;
  const level = integrated === null ? "Silent" : `${integrated.toFixed(1)} LUFS, range ${(range ?? 0).toFixed(1)} LU`;
  return peak === null ? level : `${level}, true peak ${peak.toFixed(1)} dBTP`;
}
customElements.define("rk-facts", RkFacts);
