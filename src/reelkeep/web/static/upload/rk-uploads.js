/** The panel of running uploads: name, rate, time left, pause, resume, cancel. */

import { LitElement, css, html, nothing, repeat } from "../lit.js";
import { icons } from "../icons.js";
import { rateText, sizeText, timeLeftText } from "../measures.js";
import { shared } from "../styles.js";
import { pickedFiles } from "./picking.js";
import "./rk-sequence-choice.js";
import { SequenceTransfer } from "./sequence-transfer.js";
import { uploads } from "./uploads.js";

/** @typedef {import("./transfer.js").Transfer} Transfer */

/** A screen reader is told a share of the whole, not every byte. */
const SPOKEN_STEP_PERCENT = 25;

/** What an upload that stands still is called. @type {{[state: string]: string}} */
const LASTING = { interrupted: "Interrupted", failed: "Failed", lost: "Not resumed" };

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
    this.spoken = uploads.all.map((transfer) => this.#spokenLine(transfer)).join(" ");
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
      ${this.folded ? nothing : html`<ul>${repeat(inOrder(all), (transfer) => transfer, (transfer) => this.#renderOne(transfer))}</ul>`}
    </section>`;
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
 * @param {Transfer[]} all
 */
function inOrder(all) {
  return [...all.filter((transfer) => transfer.running), ...all.filter((transfer) => !transfer.running).reverse()];
}
customElements.define("rk-uploads", RkUploads);
