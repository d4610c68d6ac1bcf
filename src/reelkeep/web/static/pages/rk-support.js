/** Support access: an admin of the company gives it for a time, ends it, and reads what was done with it. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post, remove } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { companyPage, shared, stackedTable } from "../styles.js";
import { deed, request, scope } from "../support-words.js";

/**
 * @typedef {import("../support-words.js").Access} Access
 * @typedef {import("../support-words.js").Deed} Deed
 */

const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const TIMES = /** @type {[number, string][]} */ ([
  [15, "15 minutes"],
  [60, "1 hour"],
  [240, "4 hours"],
  [1440, "24 hours"],
]);

export class RkSupport extends LitElement {
  static properties = {
    me: {},
    access: { state: true },
    record: { state: true },
    productions: { state: true },
    busy: { state: true },
    said: { state: true },
    problem: { state: true },
  };

  static styles = [
    shared,
    companyPage,
    stackedTable,
    css`
      form,
      .open {
        display: grid;
        gap: 14px;
        justify-items: start;
        margin-top: 20px;
      }
      label {
        display: grid;
        gap: 6px;
        color: var(--text);
        width: min(100%, 380px);
      }
      .choice {
        display: flex;
        gap: 10px;
        align-items: center;
        min-height: 44px;
      }
      .choice input {
        flex: none;
        width: 18px;
      }
      time {
        white-space: nowrap;
      }
      tbody th {
        font-weight: 500;
      }
      .what {
        overflow-wrap: anywhere;
      }
      code {
        display: block;
        color: var(--quiet);
        font-size: 12px;
      }
      @media (max-width: 720px) {
        .what {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Me | undefined} */
    this.me = undefined;
    /** @type {Access | null} */
    this.access = null;
    /** @type {Deed[] | null} */
    this.record = null;
    /** @type {{id: string, name: string}[]} */
    this.productions = [];
    this.busy = false;
    this.said = "";
    /** @type {unknown} */
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail: [{ text: "Support" }], bubbles: true, composed: true }));
    this.#read();
  }

  async #read() {
    try {
      const [{ access, record }, { productions }] = await Promise.all([get("/support"), get("/productions")]);
      this.access = access;
      this.productions = productions;
      this.record = record;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /**
   * @param {() => Promise<unknown>} what
   * @param {string} said  once it is done
   */
  async #do(what, said) {
    this.busy = true;
    this.problem = null;
    this.said = "";
    try {
      await what();
      await this.#read();
      this.said = said;
      dispatchEvent(new CustomEvent("reelkeep-notices"));
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.busy = false;
    }
  }

  /** @param {SubmitEvent} event */
  #give(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const wanted = { production_id: form.get("production") || null, with_media: form.has("media"), minutes: Number(form.get("minutes")) };
    return this.#do(() => post("/support", wanted), "Support may look now. Everybody here sees that it may.");
  }

  render() {
    return html`
      <h1>Support</h1>
      <p class="quiet">Who runs this installation sees counts, sizes and states, and nothing of what you make. Here you can let their support look, for a time. They can change nothing, and each of their requests stands below with their name.</p>
      ${this.record ? (this.access ? this.#renderOpen(this.access) : this.#renderForm()) : nothing}
      <p role="status" ?hidden=${!this.said}>${this.said}</p>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.record ? this.#renderRecord(this.record) : nothing}
    `;
  }

  /** @param {Access} access */
  #renderOpen(access) {
    const mayEnd = this.me?.user.is_company_admin;
    return html`<div class="open">
      <p>Support may look at ${scope(access)}. ${access.given_by} let them.</p>
      ${mayEnd ? html`<button class="primary" ?disabled=${this.busy} @click=${() => this.#do(() => remove("/support"), "Ended. Whoever was in is out.")}>End it now</button>` : nothing}
    </div>`;
  }

  #renderForm() {
    return html`<form @submit=${this.#give}>
      <label>What they may look at
        <select name="production">
          <option value="">The whole company</option>
          ${this.productions.map((each) => html`<option value=${each.id}>${each.name}</option>`)}
        </select>
      </label>
      <label>How long
        <select name="minutes">
          ${TIMES.map(([minutes, text]) => html`<option value=${minutes} ?selected=${minutes === 60}>${text}</option>`)}
        </select>
      </label>
      <label class="choice"><input type="checkbox" name="media" /> Pictures and sound, too</label>
      <button class="primary" ?disabled=${this.busy}>Let support look</button>
    </form>`;
  }

  /** @param {Deed[]} record */
  #renderRecord(record) {
    return html`<h2 id="record">On record</h2>
      ${record.length === 0
        ? html`<p class="quiet">Nothing yet.</p>`
        : html`<table aria-labelledby="record">
            <thead>
              <tr>
                <th scope="col">Who</th>
                <th scope="col">When</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              ${record.map(
                (one) =>
                  html`<tr>
                    <th scope="row">${one.name ?? one.details.name ?? "The platform"}</th>
                    <td class="quiet"><time datetime=${one.at}>${MOMENT.format(new Date(one.at))}</time></td>
                    <td class="what">${deed(one)}${request(one) ? html` <code>${request(one)}</code>` : nothing}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`}`;
  }
}
customElements.define("rk-support", RkSupport);
