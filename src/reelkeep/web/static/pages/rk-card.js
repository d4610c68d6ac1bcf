/** One asset in the grid: its poster, its length, how far it is made, what went wrong, and what to do about it. */

import { LitElement, css, html, nothing } from "../lit.js";
import { icons } from "../icons.js";
import { dateText, lengthText, sizeText } from "../measures.js";
import { sentence } from "../sentences.js";
import { shared } from "../styles.js";
import { MOVING_STATES, isOpen, mayAgain, mayStop, proxyShare, sequenceText, stateText } from "../version-words.js";

/**
 * @typedef {import("../api.js").Asset} Asset
 * @typedef {import("../api.js").Version} Version
 */

/** Fires "tell" (detail: a version and what is asked for it). */
export class RkCard extends LitElement {
  static properties = { asset: {}, posters: {}, stopped: {}, mayUpload: { type: Boolean } };

  static styles = [
    shared,
    css`
      :host {
        display: block;
      }
      .card {
        position: relative;
        display: block;
        text-decoration: none;
        border-radius: var(--radius);
      }
      .frame {
        position: relative;
        aspect-ratio: 16 / 9;
        border-radius: var(--radius);
        overflow: hidden;
        background: #0b0b0b;
        display: grid;
        place-items: center;
        color: var(--strong-line);
      }
      .frame svg {
        width: 34px;
        height: 34px;
        stroke-width: 1.25;
      }
      .frame img {
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      a.card:hover .frame {
        outline: 1px solid var(--strong-line);
      }
      .length {
        position: absolute;
        right: 8px;
        bottom: 8px;
        padding: 1px 6px;
        border-radius: 4px;
        background: #141414;
        color: var(--text);
        font-size: 12px;
      }
      .share {
        position: absolute;
        inset: auto 0 0 0;
        height: 3px;
        background: #00000080;
      }
      .share i {
        display: block;
        height: 100%;
        background: var(--text);
      }
      .title {
        display: flex;
        align-items: baseline;
        gap: 8px;
        margin-top: 9px;
      }
      .title b {
        font-weight: 500;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .title span {
        margin-left: auto;
        flex: none;
      }
      .card p {
        font-size: 13px;
        overflow-wrap: anywhere;
      }
      .problem {
        color: var(--bad);
      }
      .actions {
        margin-top: 6px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Asset | null} */
    this.asset = null;
    /** Where posters are, or "" before that is known. */
    this.posters = "";
    /** Ids of connections that are out of use: nothing of them is shown. @type {string[]} */
    this.stopped = [];
    this.mayUpload = false;
  }

  /**
   * @param {Version} version
   * @param {"retry" | "cancel"} what
   */
  #tell(version, what) {
    this.dispatchEvent(new CustomEvent("tell", { detail: { version, what } }));
  }

  render() {
    const asset = this.asset;
    if (!asset) return nothing;
    const version = asset.versions[0];
    const openable = asset.versions.some(isOpen);
    const state = version.state === "processing" && isOpen(version) ? "playable" : version.state;
    const inner = html`
      <div class="frame">${this.#renderPoster(asset)}${this.#renderLength(version)}${this.#renderShare(version)}</div>
      <div class="title"><b title=${asset.name}>${asset.name}</b><span class="quiet">v${version.number}</span></div>
      <p class=${version.state === "failed" ? "problem" : "quiet"}>${this.#cardLine(version)}</p>
    `;
    return html`${openable ? html`<a class="card" data-state=${state} href="/assets/${asset.id}">${inner}</a>` : html`<div class="card" data-state=${state}>${inner}</div>`}
    ${this.mayUpload ? this.#renderActions(version) : nothing}`;
  }

  /** @param {Version} version */
  #renderActions(version) {
    const name = `${version.file_name}, version ${version.number}`;
    if (mayStop(version)) return html`<div class="actions"><button aria-label="Stop processing ${name}" @click=${() => this.#tell(version, "cancel")}>Stop processing</button></div>`;
    if (mayAgain(version)) return html`<div class="actions"><button aria-label="Process it again: ${name}" @click=${() => this.#tell(version, "retry")}>Process it again</button></div>`;
    return nothing;
  }

  /** @param {Version} version */
  #cardLine(version) {
    if (version.state === "failed") return html`${sentence(version.problem ?? stateText(version))} ${version.advice ? html`<span class="quiet">${sentence(version.advice)}</span>` : nothing}`;
    if (version.state === "ready") return `${version.height_px ? `${version.width_px}×${version.height_px} · ` : ""}${version.sequence ? `${sequenceText(version)} · ` : ""}${sizeText(version.size_bytes)} · ${dateText(version.ready_at ?? version.created_at)}`;
    return `${stateText(version)}${MOVING_STATES.includes(version.state) ? ` · ${sizeText(version.size_bytes)}` : ""}`;
  }

  /** @param {Asset} asset */
  #renderPoster(asset) {
    const shown = asset.versions.find((version) => version.has_poster);
    if (!shown || !this.posters || this.stopped.includes(shown.connection_id ?? "")) return asset.versions.some((version) => version.state === "ready" && version.frames === 0) ? icons.note : icons.film;
    return html`<img src="${this.posters}/versions/${shown.id}/poster.jpg" alt="" loading="lazy" />`;
  }

  /** @param {Version} version */
  #renderLength(version) {
    const frames = version.frames ?? version.planned_frames;
    return frames && version.rate ? html`<span class="length">${lengthText(frames, version.rate)}</span>` : nothing;
  }

  /** @param {Version} version */
  #renderShare(version) {
    const share = proxyShare(version);
    if (share === null) return nothing;
    return html`<div class="share" role="progressbar" aria-label="Processed" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.floor(share * 100)}>
      <i .style=${`width:${share * 100}%`}></i>
    </div>`;
  }
}
customElements.define("rk-card", RkCard);
