/** From where the company's site may be reached, and whom that turned away: for the company's admins. */

import { LitElement, css, html, nothing } from "../lit.js";
import { call, get } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { companyPage, shared } from "../styles.js";

/**
 * @typedef {{source: string, connections: number, first_at: string, last_at: string}} Refused
 * @typedef {{open: boolean, networks: string[], endpoints: string[], refused: Refused[],
 *   you: {address: string, endpoint: string | null}}} Network
 */

const TIME = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export class RkNetwork extends LitElement {
  static properties = {
    network: { state: true },
    open: { state: true },
    networks: { state: true },
    endpoints: { state: true },
    saving: { state: true },
    said: { state: true },
    problem: { state: true },
  };

  static styles = [
    shared,
    companyPage,
    css`
      form {
        display: grid;
        gap: 14px;
        justify-items: start;
        margin-top: 20px;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
        display: grid;
        gap: 8px;
        width: 100%;
      }
      legend {
        padding: 0;
        margin-bottom: 8px;
        font-weight: 500;
      }
      label {
        margin: 0;
        color: var(--text);
      }
      .choice {
        display: flex;
        gap: 10px;
        align-items: center;
        min-height: 28px;
      }
      .entries {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr));
        gap: 14px 20px;
        width: 100%;
      }
      .entries label {
        display: grid;
        gap: 6px;
      }
      textarea {
        width: 100%;
        min-height: 112px;
        padding: 9px 11px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--ground);
        color: var(--text);
        font: 14px/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
        resize: vertical;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: center;
      }
      .problem {
        display: grid;
        gap: 10px;
        justify-items: start;
      }
      .number {
        text-align: right;
        white-space: nowrap;
      }
      @media (max-width: 640px) {
        :host {
          padding-top: 20px;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Network | null} */
    this.network = null;
    this.open = true;
    this.networks = "";
    this.endpoints = "";
    this.saving = false;
    this.said = "";
    /** @type {unknown} */
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail: [{ text: "Network" }], bubbles: true, composed: true }));
    this.#read();
  }

  async #read() {
    try {
      const found = /** @type {Network} */ (await get("/network"));
      this.network = found;
      this.open = found.open;
      this.networks = found.networks.join("\n");
      this.endpoints = found.endpoints.join("\n");
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {boolean} confirmed  that the admin wants to be shut out */
  async #save(confirmed) {
    this.saving = true;
    this.problem = null;
    this.said = "";
    const lists = this.open ? {} : { networks: linesOf(this.networks), endpoints: linesOf(this.endpoints) };
    try {
      await call("PUT", "/network", { open: this.open, confirmed, ...lists });
      await this.#read();
      this.said = this.open ? "Saved. Everybody can reach the site." : "Saved. Nobody else can reach the site; open connections from elsewhere were closed.";
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.saving = false;
    }
  }

  #addMine() {
    const you = this.network?.you;
    if (!you) return;
    if (you.endpoint) this.endpoints = [...linesOf(this.endpoints), you.endpoint].join("\n");
    else this.networks = [...linesOf(this.networks), you.address].join("\n");
  }

  /** @param {boolean} open */
  #choose(open) {
    this.open = open;
    this.problem = null;
    this.said = "";
  }

  render() {
    return html`
      <h1>Network</h1>
      <p class="quiet">From where this site can be reached. Who comes from elsewhere gets no answer at all, whether they have an account or not. Links to the bucket work from the public ones of these networks alone.</p>
      ${this.network ? this.#renderForm(this.network) : this.#renderProblem()}
      ${this.network ? this.#renderRefused(this.network.refused) : nothing}
    `;
  }

  /** @param {Network} network */
  #renderForm(network) {
    const from = network.you.endpoint ?? network.you.address;
    return html`<form @submit=${(/** @type {Event} */ event) => (event.preventDefault(), this.#save(false))}>
      <fieldset>
        <legend>Who can reach it</legend>
        <label class="choice"><input type="radio" name="who" .checked=${this.open} @change=${() => this.#choose(true)} /> Everybody</label>
        <label class="choice"><input type="radio" name="who" .checked=${!this.open} @change=${() => this.#choose(false)} /> Only these networks and endpoints</label>
      </fieldset>
      ${this.open
        ? nothing
        : html`<div class="entries">
              <label><span>Networks, one on a line <span class="quiet">as 203.0.113.0/24</span></span>
                <textarea spellcheck="false" autocomplete="off" .value=${this.networks} @input=${(/** @type {Event} */ event) => (this.networks = valueOf(event))}></textarea>
              </label>
              <label><span>PrivateLink endpoints, one on a line <span class="quiet">as vpce-0123456789abcdef0</span></span>
                <textarea spellcheck="false" autocomplete="off" .value=${this.endpoints} @input=${(/** @type {Event} */ event) => (this.endpoints = valueOf(event))}></textarea>
              </label>
            </div>
            <div class="row"><span class="quiet">You come from ${from}.</span><button type="button" @click=${this.#addMine}>Add it</button></div>`}
      <button class="primary" ?disabled=${this.saving}>Save</button>
      <p role="status" ?hidden=${!this.said}>${this.said}</p>
      ${this.#renderProblem()}
    </form>`;
  }

  #renderProblem() {
    const isLockOut = /** @type {any} */ (this.problem)?.code === "locks_you_out";
    return html`<div role="alert" class="problem" ?hidden=${!this.problem}>
      ${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}
      ${isLockOut ? html`<button type="button" ?disabled=${this.saving} @click=${() => this.#save(true)}>Save, and shut me out</button>` : nothing}
    </div>`;
  }

  /** @param {Refused[]} refused */
  #renderRefused(refused) {
    return html`<h2 id="refused">Turned away</h2>
      ${refused.length === 0
        ? html`<p class="quiet">Nobody yet.</p>`
        : html`<table aria-labelledby="refused">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col" class="number">Connections</th>
                <th scope="col">Last at</th>
              </tr>
            </thead>
            <tbody>
              ${refused.map(
                (one) =>
                  html`<tr>
                    <th scope="row">${one.source === "others" ? "Others" : one.source}</th>
                    <td class="number">${one.connections.toLocaleString("en")}</td>
                    <td>${TIME.format(new Date(one.last_at))}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`}`;
  }
}
customElements.define("rk-network", RkNetwork);

/** @param {string} text */
function linesOf(text) {
  return text.split(/[\s,;]+/).filter(Boolean);
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLTextAreaElement} */ (event.target).value;
}
