/** A button whose deed takes something away from people, so that it is asked about first; what it says stands in the slot. */

import { LitElement, css, html } from "../lit.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

export class RkQuestion extends LitElement {
  static properties = {
    icon: {},
    label: {},
    question: {},
    yes: {},
    no: {},
    act: {},
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
      .words {
        display: grid;
        gap: 12px;
        margin-top: 12px;
      }
      .bad {
        margin: 12px 0 0;
      }
      .bad:empty {
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
    /** @type {unknown} */
    this.icon = null;
    this.label = "";
    this.question = "";
    this.yes = "";
    this.no = "";
    /** @type {() => Promise<unknown>} */
    this.act = async () => undefined;
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

  async #act() {
    try {
      await this.act();
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
    return html`<button class="plain icon" aria-label=${this.label} title=${this.label} @click=${this.#ask}>${this.icon}</button>
      <dialog aria-labelledby="question" @keydown=${this.#key}>
        <h2 id="question">${this.question}</h2>
        <div class="words"><slot></slot></div>
        <p class="bad" role="alert">${this.problem ? wordsInOne(this.problem) : ""}</p>
        <div class="choice">
          <button autofocus @click=${() => this.#dialog.close()}>${this.no}</button>
          <button class="primary" @click=${this.#act}>${this.yes}</button>
        </div>
      </dialog>`;
  }
}
customElements.define("rk-question", RkQuestion);
