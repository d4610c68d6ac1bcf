/** The last audits of the company's buckets: what bucket and rows differ by, and what was not there before. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { sizeText } from "../measures.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

/**
 * @typedef {{id: string, connection: string, made_at: string, clean: boolean, noted: boolean, found: string, fresh: string,
 *   gone: number | null, objects: number, bytes: number, named: {kind: string, key: string, what: string}[],
 *   settings: {id: string, found: string, advice: string}[], notes: string[]}} Audit
 */

const FEW = 5;
const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const KINDS = /** @type {Record<string, string>} */ ({ foreign: "Foreign", missing: "Missing", mismatched: "Changed", setting: "Setting" });

export class RkAudits extends LitElement {
  static properties = { audits: { state: true }, all: { state: true }, noting: { state: true }, problem: { state: true } };

  static styles = [
    shared,
    css`
      :host {
        display: block;
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
        border-top: 1px solid var(--line);
      }
      li {
        display: grid;
        gap: 6px;
        justify-items: start;
        padding: 11px 4px;
        border-bottom: 1px solid var(--line);
      }
      li > p,
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        gap: 6px;
        margin: 0;
      }
      dt {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .more {
        margin-top: 10px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Audit[] | null} */
    this.audits = null;
    this.all = false;
    /** Id of the audit that is being noted. */
    this.noting = "";
    /** @type {unknown} */
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#read();
  }

  async #read() {
    try {
      this.audits = (await get("/storage/audits")).audits;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {Audit} audit */
  async #note(audit) {
    this.noting = audit.id;
    this.problem = null;
    try {
      this.audits = (await post(`/storage/audits/${audit.id}/noted`)).audits;
      dispatchEvent(new CustomEvent("reelkeep-storage"));
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.noting = "";
    }
  }

  render() {
    const audits = this.audits ?? [];
    const shown = this.all ? audits : audits.slice(0, FEW);
    return html`
      <p class="quiet">Each day the rows are compared with what the bucket lists, and the bucket's settings with the contract. Nothing is ever deleted by it.</p>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.audits?.length === 0 ? html`<p class="quiet">None was made yet.</p>` : nothing}
      ${shown.length ? html`<ol aria-label="Audits, the newest first">${shown.map((one) => this.#renderAudit(one))}</ol>` : nothing}
      ${shown.length < audits.length ? html`<button class="more" @click=${() => (this.all = true)}>Show all ${audits.length} audits</button>` : nothing}
    `;
  }

  /** @param {Audit} audit */
  #renderAudit(audit) {
    const gone = audit.gone ? ` ${audit.gone.toLocaleString("en")} of the audit before ${audit.gone === 1 ? "is" : "are"} gone.` : "";
    return html`<li>
      <p><b>${audit.connection}</b> <time datetime=${audit.made_at}>${MOMENT.format(new Date(audit.made_at))}</time> <span class="quiet">${audit.objects.toLocaleString("en")} objects, ${sizeText(audit.bytes)}</span></p>
      <p class=${audit.clean ? "" : "bad"}>${audit.clean ? "In order." : `Found: ${audit.found}.`}${gone}</p>
      ${audit.fresh ? html`<p>Not there at the audit before: ${audit.fresh}.</p>` : nothing}
      ${audit.named.length
        ? html`<details>
            <summary>Which</summary>
            <dl>
              ${audit.named.map(
                (one) =>
                  html`<div>
                    <dt>${KINDS[one.kind] ?? one.kind}: ${one.key}</dt>
                    <dd class="quiet">${one.what}</dd>
                  </div>`,
              )}
            </dl>
          </details>`
        : nothing}
      ${audit.notes.map((text) => html`<p class="quiet">Note: ${text}.</p>`)}
      ${audit.noted ? nothing : html`<button ?disabled=${this.noting !== ""} aria-label="Take note of the audit of ${audit.connection}" @click=${() => this.#note(audit)}>Take note</button>`}
    </li>`;
  }
}
customElements.define("rk-audits", RkAudits);
