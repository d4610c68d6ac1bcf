/** A button that deletes the version on the screen, after it was asked about; for admins of the production. */

import { LitElement, css, html } from "../lit.js";
import { remove } from "../api.js";
import { icons } from "../icons.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

export class RkDelete extends LitElement {
  static properties = {
    version: {},
    name: {},
    problem: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: contents;
      }
      dialog {
        width: min(440px, calc(100vw - 24px));
        padding: 20px 24px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--panel);
        color: var(--text);
      }
      dialog::backdrop {
        background: #000000b0;
      }
      h2 {
        font-size: 17px;
        overflow-wrap: anywhere;
      }
      p {
        margin: 12px 0 0;
      }
      p:empty {
        display: none;
      }
      .choice {
        display: flex;
        justify-content: flex-end;
        gap: 10px;
        margin-top: 20px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Version | null} */
    this.version = null;
    this.name = "";
    /** @type {unknown} */
    this.problem = null;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.renderRoot.querySelector("dialog"));
  }

  #ask() {
    this.problem = null;
    this.#dialog.showModal();
  }

  async #delete() {
    try {
      await remove(`/versions/${this.version?.id}`);
      this.#dialog.close();
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** The player's keys are not for a question that is open. @param {KeyboardEvent} event */
  #key(event) {
    event.stopPropagation();
  }

  render() {
    return html`<button class="plain icon" id="delete" aria-label="Delete this version" title="Delete this version" @click=${this.#ask}>${icons.bin}</button>
      <dialog aria-labelledby="question" @keydown=${this.#key}>
        <h2 id="question">Delete version ${this.version?.number} of ${this.name}?</h2>
        <p>Its film, its comments and everything that was made of it leave the site at once.</p>
        <p class="quiet">The original waits in your company's bucket. Until it is purged there, an admin can bring the version back from the production's page.</p>
        <p class="bad" role="alert">${this.problem ? wordsInOne(this.problem) : ""}</p>
        <div class="choice">
          <button autofocus @click=${() => this.#dialog.close()}>Keep it</button>
          <button class="primary" id="yes" @click=${this.#delete}>Delete it</button>
        </div>
      </dialog>`;
  }
}
customElements.define("rk-delete", RkDelete);
