/** A production's assets with posters and live state; files dropped anywhere on it are uploaded. */

import { LitElement, css, html, nothing, repeat } from "../lit.js";
import { get, post } from "../api.js";
import { listen } from "../events.js";
import { icons } from "../icons.js";
import { dateText, sizeText } from "../measures.js";
import { sentence, wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { pickedFiles, droppedFiles } from "../upload/picking.js";
import { uploads } from "../upload/uploads.js";
import { MOVING_STATES, isOpen, mayAgain, mayStop, proxyShare, stateText } from "../version-words.js";

/**
 * @typedef {import("../api.js").Asset} Asset
 * @typedef {import("../api.js").Version} Version
 */

const MAY_UPLOAD = ["production_admin", "uploader"];
/** A browse session's posters are asked for again before the session ends. */
const POSTERS_FRESH_MS = 20 * 60_000;

export class RkProduction extends LitElement {
  static properties = {
    me: {},
    productionId: {},
    production: { state: true },
    assets: { state: true },
    posters: { state: true },
    problem: { state: true },
    dragging: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: block;
        padding: 24px 24px 96px;
      }
      .top {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 12px;
        margin-bottom: 20px;
      }
      .top h1 {
        font-size: 20px;
        margin-right: auto;
        overflow-wrap: anywhere;
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
        display: grid;
        gap: 24px 18px;
        grid-template-columns: repeat(auto-fill, minmax(248px, 1fr));
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
      }
      .problem {
        color: var(--bad);
      }
      .actions {
        margin-top: 6px;
      }
      .empty {
        border: 1px dashed var(--strong-line);
        border-radius: 10px;
        padding: 12vh 24px;
        text-align: center;
        display: grid;
        gap: 10px;
        justify-items: center;
      }
      .drop {
        position: fixed;
        inset: 0;
        z-index: 40;
        display: grid;
        place-items: center;
        background: #141414e6;
        border: 2px solid var(--text);
        font-size: 20px;
        pointer-events: none;
      }
      @media (max-width: 640px) {
        :host {
          padding: 16px 12px 110px;
        }
        ul {
          grid-template-columns: 1fr;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.productionId = "";
    /** @type {import("../api.js").Me | undefined} */
    this.me = undefined;
    /** @type {import("../api.js").Production | null} */
    this.production = null;
    /** @type {Asset[] | null} */
    this.assets = null;
    this.posters = "";
    /** @type {unknown} */
    this.problem = null;
    this.dragging = false;
    this.stopListening = () => {};
    this.onDrag = (/** @type {DragEvent} */ event) => this.#drag(event);
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.posterTimer = undefined;
  }

  connectedCallback() {
    super.connectedCallback();
    for (const kind of /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"])) addEventListener(kind, this.onDrag);
    this.posterTimer = setInterval(() => this.#openPosters(), POSTERS_FRESH_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const kind of /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"])) removeEventListener(kind, this.onDrag);
    clearInterval(this.posterTimer);
    this.stopListening();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("productionId") && this.productionId) this.#open();
  }

  async #open() {
    this.assets = null;
    this.production = null;
    this.stopListening();
    this.stopListening = listen(this.productionId, (event) => this.#onEvent(event), () => this.#readAssets());
    try {
      const { productions } = await get("/productions");
      this.production = productions.find((/** @type {any} */ each) => each.id === this.productionId) ?? null;
      const detail = [{ text: this.production?.name ?? "Production" }];
      this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail, bubbles: true, composed: true }));
      await Promise.all([this.#readAssets(), this.#openPosters()]);
    } catch (problem) {
      this.problem = problem;
    }
  }

  async #readAssets() {
    try {
      this.assets = (await get(`/productions/${this.productionId}/assets`)).assets;
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
  }

  async #openPosters() {
    const session = await post(`/productions/${this.productionId}/browse-sessions`).catch(() => null);
    if (session) this.posters = session.base;
  }

  /** @param {{what: string, version?: Version}} event */
  #onEvent({ version }) {
    if (!version || !this.assets) return;
    const known = this.assets.some((asset) => asset.versions.some((each) => each.id === version.id));
    if (!known) {
      this.#readAssets();
      return;
    }
    this.assets = this.assets.map((asset) => ({
      ...asset,
      versions: asset.versions.map((each) => (each.id === version.id ? { ...each, ...version } : each)),
    }));
  }

  get #mayUpload() {
    return this.production !== null && (MAY_UPLOAD.includes(this.production.role ?? "") || (this.me?.user.is_company_admin ?? false));
  }

  /** @param {DragEvent} event */
  #drag(event) {
    if (!this.#mayUpload || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.dragging = event.type === "dragenter" || event.type === "dragover";
    if (event.type === "dragleave" && event.relatedTarget !== null) this.dragging = true;
    if (event.type === "drop") droppedFiles(event.dataTransfer).then((files) => uploads.add(this.productionId, files));
  }

  async #pick() {
    uploads.add(this.productionId, await pickedFiles());
  }

  /**
   * @param {Version} version
   * @param {"retry" | "cancel"} what
   */
  async #tell(version, what) {
    try {
      await post(`/versions/${version.id}/${what}`);
    } catch (problem) {
      this.problem = problem;
    }
  }

  render() {
    return html`
      <div class="top">
        <h1>${this.production?.name ?? ""}</h1>
        ${this.#mayUpload ? html`<button class="primary" id="upload" @click=${this.#pick}>${icons.upload}Upload files</button>` : nothing}
      </div>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.assets === null ? nothing : this.assets.length ? this.#renderGrid(this.assets) : this.#renderEmpty()}
      ${this.dragging ? html`<div class="drop">Drop the files to upload them to ${this.production?.name}</div>` : nothing}
    `;
  }

  #renderEmpty() {
    return html`<div class="empty">
      <p>No assets yet.</p>
      <p class="quiet">${this.#mayUpload ? "Drop files anywhere on this page; they go straight to your company's own bucket." : "Whoever may upload here has not uploaded anything yet."}</p>
    </div>`;
  }

  /** @param {Asset[]} assets */
  #renderGrid(assets) {
    return html`<ul>
      ${repeat(assets.filter((asset) => asset.versions.length), (asset) => asset.id, (asset) => html`<li>${this.#renderCard(asset)}</li>`)}
    </ul>`;
  }

  /** @param {Asset} asset */
  #renderCard(asset) {
    const version = asset.versions[0];
    const openable = asset.versions.some(isOpen);
    const state = version.state === "processing" && isOpen(version) ? "playable" : version.state;
    const inner = html`
      <div class="frame">${this.#renderPoster(asset)}${this.#renderShare(version)}</div>
      <div class="title"><b title=${asset.name}>${asset.name}</b><span class="quiet">v${version.number}</span></div>
      <p class=${version.state === "failed" ? "problem" : "quiet"}>${this.#cardLine(version)}</p>
    `;
    return html`${openable ? html`<a class="card" data-state=${state} href="/assets/${asset.id}">${inner}</a>` : html`<div class="card" data-state=${state}>${inner}</div>`}
    ${this.#mayUpload ? this.#renderActions(version) : nothing}`;
  }

  /** @param {Version} version */
  #renderActions(version) {
    const name = `${version.file_name}, version ${version.number}`;
    if (mayStop(version)) return html`<div class="actions"><button aria-label="Stop processing ${name}" @click=${() => this.#tell(version, "cancel")}>Stop processing</button></div>`;
    if (mayAgain(version)) return html`<div class="actions"><button aria-label="Process ${name} again" @click=${() => this.#tell(version, "retry")}>Process it again</button></div>`;
    return nothing;
  }

  /** @param {Version} version */
  #cardLine(version) {
    if (version.state === "failed") return html`${sentence(version.problem ?? stateText(version))} ${version.advice ? html`<span class="quiet">${sentence(version.advice)}</span>` : nothing}`;
    if (version.state === "ready") return `${sizeText(version.size_bytes)} · ${dateText(version.ready_at ?? version.created_at)}`;
    return `${stateText(version)}${MOVING_STATES.includes(version.state) ? ` · ${sizeText(version.size_bytes)}` : ""}`;
  }

  /** @param {Asset} asset */
  #renderPoster(asset) {
    const shown = asset.versions.find((version) => version.has_poster);
    if (!shown || !this.posters) return icons.film;
    return html`<img src="${this.posters}/versions/${shown.id}/poster.jpg" alt="" loading="lazy" />`;
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
customElements.define("rk-production", RkProduction);
