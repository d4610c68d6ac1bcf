/** The productions that this person may open; a company admin can add one. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { go } from "../router.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

/** @typedef {import("../api.js").Production} Production */

export const ROLE_WORDS = /** @type {Record<string, string>} */ ({
  production_admin: "Production admin",
  uploader: "Uploader",
  reviewer: "Reviewer",
  viewer: "Viewer",
  guest: "Guest",
});

export class RkProductions extends LitElement {
  static properties = { me: {}, productions: { state: true }, problem: { state: true }, adding: { state: true } };

  static styles = [
    shared,
    css`
      :host {
        display: block;
        width: min(100%, 1080px);
        margin: 0 auto;
        padding: 32px 16px 96px;
      }
      .top {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
        margin-bottom: 18px;
      }
      h1 {
        font-size: 20px;
        flex: 1;
      }
      ul {
        list-style: none;
        margin: 0;
        padding: 0;
        border-top: 1px solid var(--line);
      }
      li a {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 11rem 7rem;
        align-items: baseline;
        gap: 16px;
        padding: 16px 4px;
        border-bottom: 1px solid var(--line);
        text-decoration: none;
      }
      li a:hover {
        background: var(--panel);
      }
      .title {
        font-size: 16px;
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .count {
        text-align: right;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        margin-bottom: 18px;
      }
      form input {
        flex: 1 1 220px;
      }
      @media (max-width: 640px) {
        :host {
          padding-top: 20px;
        }
        li a {
          grid-template-columns: minmax(0, 1fr) auto;
          gap: 4px 12px;
        }
        .role {
          grid-row: 2;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Me | undefined} */
    this.me = undefined;
    /** @type {Production[] | null} */
    this.productions = null;
    /** @type {unknown} */
    this.problem = null;
    this.adding = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail: [], bubbles: true, composed: true }));
    this.#read();
  }

  async #read() {
    try {
      this.productions = (await get("/productions")).productions;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {SubmitEvent} event */
  async #add(event) {
    event.preventDefault();
    const name = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("name") ?? "").trim();
    if (!name) return;
    try {
      const made = await post("/productions", { name });
      go(`/productions/${(made.production ?? made).id}`);
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** Whether the pages of the whole company are open to this person. */
  get #seesCompany() {
    return this.me?.user.is_company_admin || (this.me?.user.is_support && this.me.support?.whole_company);
  }

  render() {
    return html`
      <div class="top">
        <h1>Productions</h1>
        ${this.#seesCompany ? html`<a class="button" href="/support">Support</a><a class="button" href="/network">Network</a><a class="button" href="/storage">Storage</a>` : nothing}
        ${this.me?.user.is_company_admin ? html`<button aria-expanded=${this.adding} @click=${this.#toggleAdding}>New production</button>` : nothing}
      </div>
      ${this.adding
        ? html`<form @submit=${this.#add}>
            <input name="name" aria-label="Name of the production" placeholder="Name of the production" maxlength="200" required />
            <button class="primary">Create</button>
          </form>`
        : nothing}
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.productions === null ? nothing : this.#renderList(this.productions)}
    `;
  }

  async #toggleAdding() {
    this.adding = !this.adding;
    await this.updateComplete;
    this.renderRoot.querySelector("input")?.focus();
  }

  /** @param {Production[]} productions */
  #renderList(productions) {
    if (productions.length === 0) return html`<p class="quiet">No production is open to you yet. Ask an admin of the company to add you to one.</p>`;
    return html`<ul>
      ${productions.map(
        (production) =>
          html`<li>
            <a href="/productions/${production.id}">
              <span class="title">${production.name}</span>
              <span class="quiet role">${production.role ? (ROLE_WORDS[production.role] ?? production.role) : "Company admin"}</span>
              <span class="quiet count">${production.assets} ${production.assets === 1 ? "asset" : "assets"}</span>
            </a>
          </li>`,
      )}
    </ul>`;
  }
}
customElements.define("rk-productions", RkProductions);
