/** A production's assets with posters and live state; files dropped anywhere on it are uploaded. */

import { LitElement, css, html, nothing, repeat } from "../lit.js";
import { ApiError, get, patch, post } from "../api.js";
import { listen } from "../events.js";
import { icons } from "../icons.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { pickedFiles, droppedFiles } from "../upload/picking.js";
import { uploads } from "../upload/uploads.js";
import "./rk-card.js";
import "./rk-deleted.js";
import "./rk-luts.js";

/**
 * @typedef {import("../api.js").Asset} Asset
 * @typedef {import("../api.js").Version} Version
 */

/** Reel 2 comes before reel 10. */
const BY_NAME = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
/** `catalog.productions.FIRST_FRAMES` */
const FIRST_FRAMES = [0, 1, 1001];
const PLACE_WORDS = /** @type {Record<string, string>} */ ({
  production: "set for this production",
  company: "inherited from the company",
  hosted: "inherited: hosted by the operator",
});
/** Up to `media.MAX_BANDS`. */
const MARK_BANDS = [0, 1, 2, 3];
/** As `media.LARGEST_EDGES_PX`. */
const LARGEST_EDGES_PX = [720, 1080, 2160];
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
    stopped: { state: true },
    problem: { state: true },
    deletions: { state: true },
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
      .place {
        margin: -12px 0 20px;
        font-size: 13px;
      }
      .setting {
        display: flex;
        align-items: center;
        gap: 8px;
        font-size: 13px;
      }
      .setting select {
        color: var(--text);
      }
      .meaning {
        order: 1;
        flex-basis: 100%;
        margin: 0;
        font-size: 13px;
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
        display: grid;
        gap: 24px 18px;
        grid-template-columns: repeat(auto-fill, minmax(min(248px, 100%), 1fr));
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
          grid-template-columns: minmax(0, 1fr);
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
    /** Ids of connections that are out of use. @type {string[]} */
    this.stopped = [];
    /** @type {unknown} */
    this.problem = null;
    this.dragging = false;
    /** How often a version was deleted or brought back, as far as seen. */
    this.deletions = 0;
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
    this.stopListening = listen(this.productionId, (event) => this.#onEvent(event), () => this.#onConnected());
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

  #onConnected() {
    this.#readAssets();
    if (this.production) this.#readProduction();
  }

  async #readAssets() {
    try {
      const { assets } = await get(`/productions/${this.productionId}/assets`);
      this.assets = assets.toSorted((/** @type {Asset} */ a, /** @type {Asset} */ b) => BY_NAME.compare(a.name, b.name));
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
  }

  async #openPosters() {
    const session = await post(`/productions/${this.productionId}/browse-sessions`).catch(() => null);
    if (session) this.posters = session.base;
  }

  async #readProduction() {
    const { productions } = await get("/productions").catch(() => ({ productions: [] }));
    this.production = productions.find((/** @type {any} */ each) => each.id === this.productionId) ?? this.production;
  }

  /** @param {import("../events.js").LiveEvent} event */
  #onEvent({ what, version, production, stopped = [] }) {
    if (what === "storage") this.stopped = stopped.map((each) => each.connection_id);
    if (production && this.production) {
      this.production = { ...this.production, ...production };
      this.#readProduction();
    }
    if (!version || !this.assets) return;
    if (version.state === "deleted" || version.state === "stored") this.deletions += 1;
    const known = this.assets.some((asset) => asset.versions.some((each) => each.id === version.id));
    if (!known) {
      this.#readAssets();
      return;
    }
    this.assets = this.assets.map((asset) => ({
      ...asset,
      versions: asset.versions.map((each) => (each.id === version.id ? { ...each, ...version } : each)).filter((each) => each.state !== "deleted"),
    }));
  }

  get #role() {
    return this.me?.user.is_company_admin ? "production_admin" : (this.production?.role ?? "");
  }

  get #mayUpload() {
    return this.production !== null && MAY_UPLOAD.includes(this.#role);
  }

  /**
   * @param {"first_frame" | "mark_bands" | "largest_edge_px"} what
   * @param {Event} event
   */
  async #change(what, event) {
    const chosen = Number(/** @type {HTMLSelectElement} */ (event.target).value);
    try {
      this.production = await patch(`/productions/${this.productionId}`, { [what]: chosen });
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {DragEvent} event */
  #drag(event) {
    if (!this.#mayUpload || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.dragging = event.type === "dragenter" || event.type === "dragover";
    if (event.type === "dragleave" && event.relatedTarget !== null) this.dragging = true;
    if (event.type === "drop") this.#take(event.dataTransfer);
  }

  /** @param {DataTransfer} dropped */
  async #take(dropped) {
    try {
      uploads.add(this.productionId, await droppedFiles(dropped));
    } catch {
      this.problem = new ApiError(0, "unreadable", "What was dropped could not be read.", "Drop it again, or choose it with the buttons above.");
    }
  }

  /** @param {boolean} folder */
  async #pick(folder) {
    uploads.add(this.productionId, await pickedFiles({ folder }));
  }

  /** @param {CustomEvent<{version: Version, what: "retry" | "cancel"}>} event */
  async #tell({ detail: { version, what } }) {
    try {
      await post(`/versions/${version.id}/${what}`);
    } catch (problem) {
      this.problem = problem;
    }
  }

  render() {
    return html`
      <div class="top">
        <h1 ?hidden=${!this.production}>${this.production?.name ?? ""}</h1>
        ${this.production && this.#role === "production_admin" ? this.#renderSettings() : nothing}
        ${this.#mayUpload ? html`<button id="upload-folder" @click=${() => this.#pick(true)}>Upload a folder</button>
              <button class="primary" id="upload" @click=${() => this.#pick(false)}>${icons.upload}Upload files</button>` : nothing}
      </div>
      ${this.production ? this.#renderPlacement(this.production.placement) : nothing}
      ${this.production && this.#role === "production_admin" ? html`<rk-luts .production=${this.production} @production=${(/** @type {CustomEvent} */ event) => (this.production = event.detail)}></rk-luts>` : nothing}
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.assets === null ? nothing : this.assets.length ? this.#renderGrid(this.assets) : this.#renderEmpty()}
      ${this.#role === "production_admin" ? html`<rk-deleted .productionId=${this.productionId} .revision=${this.deletions}></rk-deleted>` : nothing}
      ${this.dragging ? html`<div class="drop">Drop the files to upload them to ${this.production?.name}</div>` : nothing}
    `;
  }

  /** @param {import("../api.js").Production["placement"]} placement */
  #renderPlacement(placement) {
    if (!placement) return html`<p class="place quiet">New versions have no storage yet; the operator connects it.</p>`;
    const off = placement.state === "active" ? "" : `, which is ${placement.state}`;
    return html`<p class="place quiet">New versions go to ${placement.connection}${off} (${PLACE_WORDS[placement.inherited_from]}).</p>`;
  }

  #renderSettings() {
    const first = this.production?.first_frame ?? 0;
    const bands = this.production?.mark_bands ?? 0;
    const largest = this.production?.largest_edge_px ?? 0;
    return html`<label class="setting">First frame
      <select id="first-frame" title="The number that the first frame of every film here is shown with" @change=${(/** @type {Event} */ event) => this.#change("first_frame", event)}>
        ${FIRST_FRAMES.map((number) => html`<option value=${number} .selected=${number === first}>${number}</option>`)}
      </select>
    </label>
    <label class="setting">Largest picture
      <select id="largest" title="How large the proxies made from now on may be; none is ever larger than its original" @change=${(/** @type {Event} */ event) => this.#change("largest_edge_px", event)}>
        ${LARGEST_EDGES_PX.map((lines) => html`<option value=${lines} .selected=${lines === largest}>${lines}p</option>`)}
      </select>
    </label>
    <label class="setting">Mark bands
      <select id="mark-bands" aria-describedby="mark-bands-meaning" @change=${(/** @type {Event} */ event) => this.#change("mark_bands", event)}>
        ${MARK_BANDS.map((number) => html`<option value=${number} .selected=${number === bands}>${number || "None"}</option>`)}
      </select>
    </label>
    <p id="mark-bands-meaning" class="quiet meaning">${bands ? "Films uploaded from now on keep strips in which each viewer's name can be put later." : "Films uploaded from now on are made plain: to put viewers' names into them later, they must be transcoded again."}</p>`;
  }

  #renderEmpty() {
    return html`<div class="empty">
      <p>No assets yet.</p>
      <p class="quiet">${this.#mayUpload ? "Drop files or a folder anywhere on this page; they go straight to your company's own bucket." : "Whoever may upload here has not uploaded anything yet."}</p>
    </div>`;
  }

  /** @param {Asset[]} assets */
  #renderGrid(assets) {
    return html`<ul>
      ${repeat(assets.filter((asset) => asset.versions.length), (asset) => asset.id, (asset) => html`<li><rk-card .asset=${asset} .posters=${this.posters} .stopped=${this.stopped} .mayUpload=${this.#mayUpload} @tell=${this.#tell}></rk-card></li>`)}
    </ul>`;
  }
}
customElements.define("rk-production", RkProduction);
