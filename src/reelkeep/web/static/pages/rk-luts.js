/** The LUTs of a production, for its admins: add a .cube or .3dl file, and choose what new versions are shown through. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, patch, post, remove } from "../api.js";
import { sentence, wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { base64Of, crc32 } from "../upload/crc32.js";
import { pickedFiles } from "../upload/picking.js";
import { LUT_INPUTS } from "../version-words.js";

/** `ingest.cube.MAX_CUBE_BYTES` */
const MAX_BYTES = 12 << 20;
const NONE = "none";
const SCOPES = { linear: "Scene-linear films", all: "All films" };

/** Fires "production" with the production as it is after a change. */
export class RkLuts extends LitElement {
  static properties = {
    production: {},
    luts: { state: true },
    said: { state: true },
    problem: { state: true },
    asked: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: block;
        margin: -8px 0 20px;
        font-size: 13px;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 12px;
      }
      label {
        display: flex;
        align-items: center;
        gap: 8px;
        min-width: 0;
      }
      select {
        color: var(--text);
        min-width: 0;
        max-width: min(260px, 60vw);
      }
      p {
        margin-top: 8px;
      }
      details {
        margin-top: 8px;
      }
      ul {
        list-style: none;
        margin: 8px 0 0;
        padding: 0;
        max-width: 560px;
      }
      li {
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 12px;
        padding: 6px 0;
        border-top: 1px solid var(--line);
        overflow-wrap: anywhere;
      }
      p:empty {
        display: none;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Production | null} */
    this.production = null;
    /** @type {import("../api.js").Lut[]} */
    this.luts = [];
    this.said = "";
    /** @type {unknown} */
    this.problem = null;
    /** Id of the LUT that is deleted when the button is pressed once more. */
    this.asked = "";
    /** What is under way; the next thing waits for it. @type {Promise<void>} */
    this.turn = Promise.resolve();
  }

  connectedCallback() {
    super.connectedCallback();
    this.#try("", () => this.#read());
  }

  async #read() {
    this.luts = (await get(`/productions/${this.production?.id}/luts`)).luts;
  }

  /**
   * @param {string} doing  what is said meanwhile
   * @param {() => Promise<void>} work
   */
  #try(doing, work) {
    this.turn = this.turn.then(async () => {
      this.problem = null;
      this.said = doing;
      try {
        await work();
      } catch (problem) {
        this.said = "";
        this.problem = problem;
      }
    });
  }

  async #add() {
    const [picked] = await pickedFiles({ multiple: false });
    if (picked) this.#try(`Adding ${picked.file.name}…`, () => this.#send(picked.file));
  }

  /** @param {File} file */
  async #send(file) {
    if (file.size > MAX_BYTES) throw new Error(`A LUT has at most ${MAX_BYTES >> 20} MiB, and ${file.name} has more`);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const about = { file_name: file.name, size_bytes: bytes.length, crc32: base64Of(crc32(bytes)) };
    const luts = `/productions/${this.production?.id}/luts`;
    const { id, method, url, headers } = await post(luts, about);
    const answer = await fetch(url, { method, headers, body: bytes }).catch(() => null);
    if (!answer?.ok) throw new Error("The bucket did not take the LUT");
    const { lut } = await post(`${luts}/${id}/complete`);
    await this.#read();
    this.said = `Added ${lut.name}. Choose it to show new versions through it.`;
  }

  /** @param {import("../api.js").Lut} lut */
  #delete(lut) {
    if (this.asked !== lut.id) {
      this.asked = lut.id;
      return;
    }
    this.asked = "";
    this.#try(`Deleting ${lut.name}…`, async () => {
      await remove(`/productions/${this.production?.id}/luts/${lut.id}`);
      await this.#read();
      this.said = `Deleted ${lut.name}.`;
    });
  }

  #renderAll() {
    return html`<details>
      <summary>All LUTs</summary>
      <ul>
        ${this.luts.map(
          (lut) =>
            html`<li>
              <span><b>${lut.name}</b> <span class="quiet">${lut.points} points, added by ${lut.added_by}</span></span>
              <button class=${this.asked === lut.id ? "bad" : ""} aria-label="${this.asked === lut.id ? "Really delete" : "Delete"} ${lut.name}" @click=${() => this.#delete(lut)}>${this.asked === lut.id ? "Really delete" : "Delete"}</button>
            </li>`,
        )}
      </ul>
    </details>`;
  }

  /** @param {{id?: string, input?: string, scope?: string}} change */
  #choose(change) {
    this.#try("", async () => {
      const { id, input = "acescct", scope = "linear" } = { ...this.production?.lut, ...change };
      const lut = id === NONE ? null : { id, input, scope };
      const detail = await patch(`/productions/${this.production?.id}`, { lut });
      this.dispatchEvent(new CustomEvent("production", { detail }));
      this.said = "Saved.";
    });
  }

  render() {
    const chosen = this.production?.lut ?? null;
    return html`<div class="row" role="group" aria-label="LUT of new versions">
        <label>LUT
          <select id="lut" aria-describedby="lut-meaning" @change=${(/** @type {Event} */ event) => this.#choose({ id: valueOf(event) })}>
            <option value=${NONE} .selected=${chosen === null}>None</option>
            ${this.luts.map((lut) => html`<option value=${lut.id} .selected=${lut.id === chosen?.id}>${lut.name}</option>`)}
          </select>
        </label>
        ${chosen ? this.#renderUse(chosen) : nothing}
        <button id="add-lut" @click=${this.#add}>Add a LUT</button>
      </div>
      <p id="lut-meaning" class="quiet">${meaningOf(chosen)}</p>
      ${this.luts.length ? this.#renderAll() : nothing}
      <p role="status">${this.said}</p>
      <p role="alert" class="bad">${this.problem ? (this.problem instanceof Error && !("advice" in this.problem) ? sentence(this.problem.message) : wordsInOne(this.problem)) : ""}</p>`;
  }

  /** @param {NonNullable<import("../api.js").Production["lut"]>} chosen */
  #renderUse(chosen) {
    return html`<label>for
        <select id="lut-scope" @change=${(/** @type {Event} */ event) => this.#choose({ scope: valueOf(event) })}>
          ${Object.entries(SCOPES).map(([scope, words]) => html`<option value=${scope} .selected=${scope === chosen.scope}>${words}</option>`)}
        </select>
      </label>
      <label>Scene-linear goes in as
        <select id="lut-input" @change=${(/** @type {Event} */ event) => this.#choose({ input: valueOf(event) })}>
          ${Object.entries(LUT_INPUTS).map(([input, words]) => html`<option value=${input} .selected=${input === chosen.input}>${words}</option>`)}
        </select>
      </label>`;
  }
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLSelectElement} */ (event.target).value;
}

/** @param {import("../api.js").Production["lut"]} chosen */
function meaningOf(chosen) {
  if (!chosen) return "Scene-linear films (OpenEXR) are shown through a plain curve, without the show's look.";
  const others = chosen.scope === "all" ? " Those that are not scene-linear go in by the numbers of the file." : "";
  return `Films uploaded from now on are shown through it.${others} One that is here already stays as it is until it is uploaded again.`;
}
customElements.define("rk-luts", RkLuts);
