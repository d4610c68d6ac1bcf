/** The panel of running uploads: name, rate, time left, pause, resume, cancel; a folder is one row. */

import { LitElement, css, html, nothing, repeat } from "../lit.js";
import { icons } from "../icons.js";
import { rateText, sizeText, timeLeftText } from "../measures.js";
import { shared } from "../styles.js";
import { Group, grouped } from "./group.js";
import { groupRow, spokenGroup } from "./group-row.js";
import { pace } from "./pace.js";
import { pickedFiles } from "./picking.js";
import "./rk-sequence-choice.js";
import { SequenceTransfer } from "./sequence-transfer.js";
import { uploads } from "./uploads.js";

/** @typedef {import("./transfer.js").Transfer} Transfer */

/** A screen reader is told a share of the whole, not every byte. */
const SPOKEN_STEP_PERCENT = 25;

/** What an upload that stands still is called. @type {{[state: string]: string}} */
const LASTING = { interrupted: "Interrupted", failed: "Failed", lost: "Not resumed" };

/** What uploads may be held back to. @type {[number, string][]} */
const LIMITS = [
  [0, "No limit"],
  [1e6, "1 MB/s"],
  [5e6, "5 MB/s"],
  [20e6, "20 MB/s"],
  [100e6, "100 MB/s"],
];

export class RkUploads extends LitElement {
  static properties = { folded: { state: true }, userId: {} };

  static styles = [
    shared,
    css`
      section {
        position: fixed;
        right: 16px;
        bottom: 16px;
        z-index: 30;
        width: min(400px, calc(100vw - 32px));
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: 10px;
        box-shadow: 0 12px 40px #000000a0;
        overflow: hidden;
      }
      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: 6px 6px 6px 14px;
      }
      h2 {
        font-size: 14px;
      }
      .all {
        display: flex;
        align-items: center;
        flex-wrap: wrap;
        gap: 6px;
        padding: 0 14px 10px;
      }
      .all .total {
        order: -1;
        flex-basis: 100%;
      }
      .all label {
        display: flex;
        align-items: center;
        gap: 6px;
        margin-left: auto;
        font-size: 13px;
        color: var(--quiet);
      }
      .name svg {
        vertical-align: -3px;
        margin-right: 6px;
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
        max-height: 40vh;
        overflow: auto;
      }
      li {
        padding: 10px 14px 12px;
        border-top: 1px solid var(--line);
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 6px;
      }
      .line {
        display: flex;
        align-items: center;
        gap: 6px;
      }
      .name {
        flex: 1;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .bar {
        height: 4px;
        border-radius: 2px;
        background: #3a3a3a;
        overflow: hidden;
      }
      .bar i {
        display: block;
        height: 100%;
        background: var(--text);
      }
      small {
        font-size: 13px;
        color: var(--quiet);
      }
      small.bad {
        color: var(--bad);
      }
      @media (max-width: 640px) {
        section {
          right: 0;
          left: 0;
          bottom: 0;
          width: auto;
          border-radius: 10px 10px 0 0;
          padding-bottom: env(safe-area-inset-bottom);
        }
      }
    `,
  ];

  constructor() {
    super();
    this.folded = false;
    this.userId = "";
    this.spoken = "";
    this.onChange = () => this.requestUpdate();
  }

  connectedCallback() {
    super.connectedCallback();
    uploads.addEventListener("change", this.onChange);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    uploads.removeEventListener("change", this.onChange);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("userId") && this.userId) uploads.restore(this.userId);
    this.spoken = grouped(uploads.all)
      .map((row) => (row instanceof Group ? spokenGroup(row) : this.#spokenLine(row)))
      .join(" ");
  }

  /** @param {Transfer} transfer */
  #spokenLine(transfer) {
    const percent = transfer.about.size ? (100 * transfer.sentBytes) / transfer.about.size : 0;
    const rounded = Math.floor(percent / SPOKEN_STEP_PERCENT) * SPOKEN_STEP_PERCENT;
    if (transfer.state === "asked" && transfer instanceof SequenceTransfer) return `${transfer.about.name}, ${transfer.sequence.numbers}: one film, or pictures?`;
    if (transfer.state === "done") return `${transfer.about.name} is uploaded.`;
    if (transfer.problem) return `${transfer.about.name}: ${LASTING[transfer.state] ?? ""} ${transfer.problem.message}`;
    return transfer.state === "lost" ? "" : `${transfer.about.name}: ${rounded} percent.`;
  }

  /** @param {Transfer} transfer */
  async #pickAgain(transfer) {
    if (await uploads.reopen(transfer)) return;
    const [picked] = await pickedFiles({ multiple: false });
    if (picked) uploads.resumeWith(transfer, picked.file);
  }

  render() {
    const all = uploads.all;
    const said = html`<div class="visually-hidden" role="status">${this.spoken}</div>`; // there before its first words, or they go unheard
    if (all.length === 0) return said;
    const running = all.filter((transfer) => transfer.running).length;
    return html`${said}<section aria-label="Uploads">
      <div class="head">
        <h2>${running ? `Uploading ${running} ${running === 1 ? "file" : "files"}` : "Uploads"}</h2>
        <button class="plain" aria-expanded=${!this.folded} @click=${() => (this.folded = !this.folded)}>${this.folded ? "Show" : "Hide"}</button>
      </div>
      ${this.folded ? nothing : html`${this.#renderAll(all)}<ul>${repeat(inOrder(grouped(all)), keyOf, (row) => (row instanceof Group ? groupRow(row) : this.#renderOne(row)))}</ul>`}
    </section>`;
  }

  /**
   * What acts on everything, once there is more than one.
   * @param {Transfer[]} all
   */
  #renderAll(all) {
    const open = all.filter((transfer) => transfer.state !== "done");
    if (open.length === 0) return nothing;
    const paused = open.filter((transfer) => transfer.file && !transfer.running).length;
    return html`<div class="all">
      ${open.length > 1 && open.some((transfer) => transfer.running) ? html`<button @click=${() => uploads.pauseAll(open)}>Pause all</button>` : nothing}
      ${open.length > 1 && paused ? html`<button @click=${() => uploads.resumeAll(open)}>Resume all</button>` : nothing}
      ${open.length > 1 ? html`<button @click=${() => uploads.cancelAll(open)}>Cancel all</button>` : nothing}
      ${open.length > 1 ? html`<small class="total">${totalText(new Group("", all))}</small>` : nothing}
      <label>Speed<select @change=${(/** @type {any} */ event) => pace.limit(Number(event.target.value))}>
        ${LIMITS.map(([rate, words]) => html`<option value=${rate} ?selected=${rate === pace.bytesPerSecond}>${words}</option>`)}
      </select></label>
    </div>`;
  }

  /** @param {Transfer} transfer */
  #renderOne(transfer) {
    const share = transfer.about.size ? transfer.sentBytes / transfer.about.size : 0;
    return html`<li data-upload-state=${transfer.state}>
      <div class="line"><span class="name" title=${transfer.about.name}>${transfer.about.name}</span>${this.#renderButtons(transfer)}</div>
      ${transfer.state === "lost" || transfer.state === "done" || transfer.state === "asked"
        ? nothing
        : html`<div class="bar" role="progressbar" aria-label=${transfer.about.name} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.floor(share * 100)}>
            <i .style=${`width:${share * 100}%`}></i>
          </div>`}
      <small class=${transfer.problem && transfer.state !== "interrupted" ? "bad" : ""}>${this.#line(transfer)}</small>
      ${transfer.state === "asked" && transfer instanceof SequenceTransfer ? this.#renderChoice(transfer) : nothing}
    </li>`;
  }

  /** @param {SequenceTransfer} transfer */
  #renderChoice(transfer) {
    return html`<rk-sequence-choice
      .name=${transfer.about.name}
      .files=${transfer.sequence.files.length}
      @film=${(/** @type {CustomEvent<[number, number]>} */ event) => uploads.asFilm(transfer, event.detail)}
      @pictures=${() => uploads.asPictures(transfer)}
    ></rk-sequence-choice>`;
  }

  /** @param {Transfer} transfer */
  #line(transfer) {
    const { about, state, problem } = transfer;
    if (problem) return html`${LASTING[state] ? html`<b>${LASTING[state]}</b> ` : nothing}${problem.message} ${problem.advice}`;
    const numbers = transfer instanceof SequenceTransfer ? `${transfer.sequence.numbers} · ` : "";
    const gone = `${numbers}${sizeText(transfer.sentBytes)} of ${sizeText(about.size)}`;
    switch (state) {
      case "asked":
        return `${numbers}${sizeText(about.size)}`;
      case "waiting":
        return `${numbers}Waiting · ${sizeText(about.size)}`;
      case "checking":
        return "Preparing";
      case "sending":
        return transfer.rate > 0 ? `${gone} · ${rateText(transfer.rate)} · ${timeLeftText(transfer.secondsLeft)}` : gone;
      case "retrying":
        return `${gone} · the connection broke, trying again`;
      case "finishing":
        return "Checking what the bucket received";
      case "paused":
        return `Paused · ${gone}`;
      case "lost":
        return html`<b>Interrupted</b> The page was closed. Pick the file again to go on; what is stored is kept.`;
      default:
        return `${numbers}Stored in your bucket · ${sizeText(about.size)}`;
    }
  }

  /** @param {Transfer} transfer */
  #renderButtons(transfer) {
    const { name } = transfer.about;
    const cross = (/** @type {string} */ what, /** @type {() => void} */ act) =>
      html`<button class="plain icon" aria-label="${what} ${name}" title=${what} @click=${act}>${icons.close}</button>`;
    const button = (/** @type {string} */ what, /** @type {() => void} */ act) => html`<button aria-label="${what} ${name}" @click=${act}>${what}</button>`;
    const cancel = cross("Cancel", () => uploads.cancel(transfer));
    switch (transfer.state) {
      case "asked":
        return cross("Leave out", () => uploads.dismiss(transfer));
      case "done":
        return cross("Dismiss", () => uploads.dismiss(transfer));
      case "lost":
        return html`${button(transfer.handle ? "Resume" : "Pick file", () => this.#pickAgain(transfer))}${cancel}`;
      case "failed":
        return html`${button("Try again", () => uploads.resume(transfer))}${cancel}`;
      case "paused":
      case "interrupted":
        return html`${button("Resume", () => uploads.resume(transfer))}${cancel}`;
      default:
        return html`${button("Pause", () => uploads.pause(transfer))}${cancel}`;
    }
  }
}

/**
 * Those under way as they come, then the rest, newest first.
 * @param {(Transfer | Group)[]} all
 */
function inOrder(all) {
  return [...all.filter((row) => row.running), ...all.filter((row) => !row.running).reverse()];
}

/** How far everything is. @param {Group} everything */
function totalText({ sentBytes, totalBytes, rate, secondsLeft }) {
  const gone = `${sizeText(sentBytes)} of ${sizeText(totalBytes)} in all`;
  return rate > 0 ? `${gone} · ${rateText(rate)} · ${timeLeftText(secondsLeft)}` : gone;
}

/** A folder is cut out anew each time: its first file stands for it. @param {Transfer | Group} row */
function keyOf(row) {
  return row instanceof Group ? row.transfers[0] : row;
}
customElements.define("rk-uploads", RkUploads);
