/** Where the company's films lie: its storage connections, where new versions go and why, and what a month costs. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { sizeText } from "../measures.js";
import { companyPage, shared } from "../styles.js";
import { sentencesOf, tryFromHere } from "./browser-check.js";
import "./rk-audits.js";
import "./rk-onboarding.js";

/**
 * @typedef {{connection: string, bucket: string, state: string, inherited_from: string}} Placement
 * @typedef {{id: string, name: string, bucket: string, prefix: string, region: string, state: string, hosted: boolean, isolated: boolean,
 *   why: string | null, answers: boolean, waits_for_key: boolean, away: boolean, versions: number, original_bytes: number}} Connection
 * @typedef {{connections: Connection[], company: Placement | null,
 *   productions: {id: string, name: string, placement: Placement | null}[],
 *   company_key: {connection: string, key: string, open: boolean} | null}} Storage
 * @typedef {{currency: string, store: string, region: string, prices_looked_up: string, prices_source: string,
 *   lines: {what: string, amount: string, unit: string, cost: string}[], month: Record<string, string>}} Estimate
 */

const STATE_WORDS = /** @type {Record<string, string>} */ ({
  draft: "Not tried out yet",
  verified: "Tried out, not in use",
  active: "In use",
  suspended: "Suspended",
  revoked: "Rights taken back",
});

const FROM_WORDS = /** @type {Record<string, string>} */ ({
  production: "Set for this production",
  company: "Inherited from the company",
  hosted: "Inherited: hosted by the operator",
});

export class RkStorage extends LitElement {
  static properties = { user: {}, storage: { state: true }, estimate: { state: true }, problem: { state: true }, replica: { state: true }, wrappingKey: { state: true }, resuming: { state: true }, tried: { state: true } };

  static styles = [
    shared,
    companyPage,
    css`
      .scroll {
        overflow-x: auto;
      }
      tbody th {
        font-weight: 500;
      }
      .number {
        text-align: right;
        padding-right: 4px;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .revoked {
        display: grid;
        gap: 6px;
        justify-items: start;
      }
      .key {
        overflow-wrap: anywhere;
      }
      .prices {
        margin-top: 12px;
      }
      .tries {
        list-style: none;
        margin: 10px 0 0;
        padding: 0;
        display: grid;
        gap: 10px;
      }
      .tries p {
        margin-top: 6px;
      }
      tfoot th {
        font-weight: 500;
      }
      label {
        display: inline-flex;
        gap: 8px;
        align-items: center;
        margin-bottom: 10px;
      }
      .choices {
        display: flex;
        flex-wrap: wrap;
        column-gap: 20px;
      }
      @media (max-width: 640px) {
        :host {
          padding-top: 20px;
        }
        .stack thead {
          position: absolute;
          left: -9999px;
        }
        .stack tr {
          display: grid;
          grid-template-columns: minmax(0, 1fr) auto;
          gap: 2px 12px;
          padding: 12px 4px;
          border-bottom: 1px solid var(--line);
        }
        .stack th,
        .stack td {
          border: 0;
          padding: 0;
        }
        .stack th,
        .stack .wide {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** Who is signed in. @type {import("../api.js").Me["user"] | null} */
    this.user = null;
    /** @type {Storage | null} */
    this.storage = null;
    /** @type {Estimate | null} */
    this.estimate = null;
    /** @type {unknown} */
    this.problem = null;
    this.replica = false;
    /** The estimate counts a wrapping key, too, where there is none yet. */
    this.wrappingKey = false;
    /** Id of the connection that is being put into use again. */
    this.resuming = "";
    /** What this browser met at connections, by id; null while it tries. @type {Map<string, import("./browser-check.js").BrowserSaw | null>} */
    this.tried = new Map();
    this.onStorage = () => this.#read();
  }

  connectedCallback() {
    super.connectedCallback();
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail: [{ text: "Storage" }], bubbles: true, composed: true }));
    addEventListener("reelkeep-storage", this.onStorage);
    this.#read();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("reelkeep-storage", this.onStorage);
  }

  /** @param {Connection} connection */
  async #resume(connection) {
    this.resuming = connection.id;
    this.problem = null;
    try {
      await post(`/storage/connections/${connection.id}/resume`);
      dispatchEvent(new CustomEvent("reelkeep-storage"));
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.resuming = "";
    }
  }

  /** @param {Connection} connection */
  #renderState(connection) {
    const { state, why, away, answers, waits_for_key: waits } = connection;
    if (away) return html`<span class="bad">Does not answer</span>`;
    if (state !== "revoked") return html`<span class=${state === "active" ? "" : "bad"}>${STATE_WORDS[state] ?? state}</span>`;
    if (waits) return html`<div class="revoked"><span class="bad">Waits for your key</span><span class="quiet">${why}</span></div>`;
    return html`<div class="revoked">
      <span class="bad">${STATE_WORDS.revoked}</span>
      <span class="quiet">${why}</span>
      ${answers ? html`<span>The bucket lets Reelkeep in again.</span>` : nothing}
      <button ?disabled=${this.resuming !== ""} @click=${() => this.#resume(connection)} aria-label="Resume ${connection.name}">Resume</button>
    </div>`;
  }

  /** @param {Connection} connection */
  async #try(connection) {
    this.problem = null;
    this.tried = new Map([...this.tried, [connection.id, null]]);
    try {
      this.tried = new Map([...this.tried, [connection.id, await tryFromHere(connection.id)]]);
    } catch (problem) {
      this.problem = problem;
      this.tried = new Map([...this.tried].filter(([id]) => id !== connection.id));
    }
  }

  /** @param {Connection[]} connections */
  #renderTries(connections) {
    const own = connections.filter((one) => one.state === "active" && !one.hosted);
    if (own.length === 0) return nothing;
    return html`<h2 id="browser">From this browser</h2>
      <p class="quiet">Films and uploads go between this browser and the bucket. Find out whether the bucket lets this site's pages in; nothing is written.</p>
      <ul class="tries" aria-labelledby="browser">
        ${own.map((one) => {
          const saw = this.tried.get(one.id);
          return html`<li>
            <button ?disabled=${saw === null} aria-label="Try ${one.name} from this browser" @click=${() => this.#try(one)}>Try ${one.name}</button>
            <div role="status">${saw ? sentencesOf(saw).map(({ good, text }) => html`<p class=${good ? "" : "bad"}>${text}</p>`) : nothing}</div>
          </li>`;
        })}
      </ul>`;
  }

  async #read() {
    try {
      this.storage = await get("/storage");
      await this.#readEstimate();
    } catch (problem) {
      this.problem = problem;
    }
  }

  async #readEstimate() {
    this.estimate = await get(`/storage/estimate?replica=${this.replica}&wrapping_key=${this.wrappingKey}`);
  }

  /**
   * @param {"replica" | "wrappingKey"} which
   * @param {Event} event
   */
  async #setEstimate(which, event) {
    this[which] = /** @type {HTMLInputElement} */ (event.target).checked;
    try {
      await this.#readEstimate();
    } catch (problem) {
      this.problem = problem;
    }
  }

  render() {
    return html`
      <h1>Storage</h1>
      <p class="quiet">Each new version goes where its production says, else where the company says. What is stored stays where it is. The operator changes these settings.</p>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.storage ? this.#renderStorage(this.storage) : nothing}
      ${this.storage ? html`<h2>Your own bucket, step by step</h2><rk-onboarding .user=${this.user}></rk-onboarding>` : nothing}
      ${this.estimate ? this.#renderEstimate(this.estimate) : nothing}
      ${this.storage ? html`<h2>Who served you</h2><p><a href="/processes">Every process that served your company</a></p>` : nothing}
    `;
  }

  /** @param {Storage} storage */
  #renderStorage(storage) {
    const places = [{ id: "", name: "The company", placement: storage.company }, ...storage.productions];
    return html`
      <h2 id="connections">Connections</h2>
      ${storage.connections.length === 0
        ? html`<p class="quiet">No storage is connected yet. The operator connects your bucket.</p>`
        : html`<table class="stack" aria-labelledby="connections">
            <thead>
              <tr>
                <th scope="col">Connection</th>
                <th scope="col">Bucket</th>
                <th scope="col">State</th>
                <th scope="col" class="number">Versions</th>
                <th scope="col" class="number">Originals</th>
              </tr>
            </thead>
            <tbody>
              ${storage.connections.map(
                (one) =>
                  html`<tr>
                    <th scope="row">${one.name}${one.hosted ? html` <span class="quiet">hosted by the operator</span>` : nothing}${one.isolated ? html` <span class="quiet">isolated: by your own endpoint alone</span>` : nothing}</th>
                    <td>${one.bucket}${one.prefix ? `/${one.prefix}` : ""} <span class="quiet">${one.region}</span></td>
                    <td class=${one.state === "revoked" ? "wide" : ""}>${this.#renderState(one)}</td>
                    <td class="number">${one.versions.toLocaleString("en")} ${one.versions === 1 ? "version" : "versions"}</td>
                    <td class="number">${sizeText(one.original_bytes)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`}
      ${this.#renderKey(storage.company_key)}
      <h2 id="audits">Audits</h2>
      <rk-audits></rk-audits>
      ${this.#renderTries(storage.connections)}
      <h2 id="places">New versions</h2>
      <table class="stack" aria-labelledby="places">
        <thead>
          <tr>
            <th scope="col">Production</th>
            <th scope="col">Goes to</th>
            <th scope="col">Where it is set</th>
          </tr>
        </thead>
        <tbody>
          ${places.map(
            (one) =>
              html`<tr>
                <th scope="row">${one.id ? html`<a href="/productions/${one.id}">${one.name}</a>` : one.name}</th>
                <td>${one.placement ? one.placement.connection : "Nowhere yet"}</td>
                <td class="quiet">${one.placement ? this.#from(one.id, one.placement) : nothing}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    `;
  }

  /** @param {Storage["company_key"]} key */
  #renderKey(key) {
    return html`<h2 id="key">Company key</h2>
      <p>
        ${key
          ? html`Wrapped by the operator's key and by your own: a proxy opens with both together only.`
          : html`Wrapped by the operator's key alone. A key of your own can wrap it as well; your cloud team turns it on in the storage stack (<code>CompanyKeyWrap</code>), the operator here.`}
      </p>
      ${key
        ? html`<p class="quiet key">${key.key}, used by way of the connection ${key.connection}. ${key.open ? nothing : html`<span class="bad">No proxy opens while that connection is not in use.</span>`}</p>`
        : nothing}`;
  }

  /**
   * @param {string} id
   * @param {Placement} placement
   */
  #from(id, placement) {
    if (!id && placement.inherited_from === "company") return "Set for the company";
    return FROM_WORDS[placement.inherited_from] ?? placement.inherited_from;
  }

  /** @param {Estimate} estimate */
  #renderEstimate(estimate) {
    return html`
      <h2 id="cost">What a month costs</h2>
      <div class="choices">
        <label><input type="checkbox" .checked=${this.replica} @change=${(/** @type {Event} */ event) => this.#setEstimate("replica", event)} /> With a replica in another region</label>
        ${this.storage?.company_key
          ? nothing
          : html`<label><input type="checkbox" .checked=${this.wrappingKey} @change=${(/** @type {Event} */ event) => this.#setEstimate("wrappingKey", event)} /> With a key of your own that wraps the company key</label>`}
      </div>
      <div class="scroll">
        <table aria-labelledby="cost">
          <thead>
            <tr>
              <th scope="col">By what lies there, and the last 30 days</th>
              <th scope="col" class="number">Amount</th>
              <th scope="col" class="number">${estimate.currency}</th>
            </tr>
          </thead>
          <tbody>
            ${estimate.lines.map(
              (line) =>
                html`<tr>
                  <th scope="row">${line.what.replace(/^./, (first) => first.toUpperCase())}</th>
                  <td class="number">${Number(line.amount).toLocaleString("en")} ${line.unit}</td>
                  <td class="number">${line.cost}</td>
                </tr>`,
            )}
          </tbody>
          <tfoot>
            ${Object.entries(estimate.month).map(
              ([name, cost]) =>
                html`<tr>
                  <th scope="row" colspan="2">In all, with ${name}</th>
                  <td class="number">${cost}</td>
                </tr>`,
            )}
          </tfoot>
        </table>
      </div>
      <p class="quiet prices">Prices of ${estimate.store} in ${estimate.region}, looked up ${estimate.prices_looked_up}: ${estimate.prices_source}. Your region and contract may differ.</p>
    `;
  }
}
customElements.define("rk-storage", RkStorage);
