/** What was deleted from a production and can be brought back, for its admins; nothing while there is nothing. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

/** @typedef {import("../api.js").DeletedVersion} DeletedVersion */

const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

export class RkDeleted extends LitElement {
  static properties = {
    productionId: {},
    revision: {},
    versions: { state: true },
    problem: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: block;
        margin-top: 40px;
        font-size: 13px;
      }
      summary {
        cursor: pointer;
        color: var(--quiet);
      }
      ul {
        list-style: none;
        margin: 12px 0 0;
        padding: 0;
        display: grid;
        gap: 8px;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 14px;
      }
      .name {
        overflow-wrap: anywhere;
      }
    `,
  ];

  constructor() {
    super();
    this.productionId = "";
    /** Changes whenever a version may have been deleted or brought back. */
    this.revision = 0;
    /** @type {DeletedVersion[]} */
    this.versions = [];
    /** @type {unknown} */
    this.problem = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if ((changed.has("productionId") || changed.has("revision")) && this.productionId) this.#read();
  }

  async #read() {
    const answer = await get(`/productions/${this.productionId}/deleted`).catch(() => null);
    if (answer) this.versions = answer.versions;
  }

  /** @param {DeletedVersion} version */
  async #restore(version) {
    this.problem = null;
    try {
      await post(`/versions/${version.id}/restore`);
    } catch (problem) {
      this.problem = problem;
    }
    await this.#read();
  }

  render() {
    if (this.versions.length === 0) return nothing;
    return html`<details>
      <summary>Deleted (${this.versions.length})</summary>
      <p class="bad" role="alert">${this.problem ? wordsInOne(this.problem) : ""}</p>
      <ul>
        ${this.versions.map(
          (each) => html`<li>
            <span class="name">${each.asset}, version ${each.number}</span>
            <span class="quiet">deleted ${DAY.format(new Date(each.deleted_at))} by ${each.deleted_by}</span>
            ${each.may_be_restored ? html`<button @click=${() => this.#restore(each)} aria-label="Bring back ${each.asset}, version ${each.number}">Bring back</button>` : nothing}
          </li>`,
        )}
      </ul>
    </details>`;
  }
}
customElements.define("rk-deleted", RkDeleted);
