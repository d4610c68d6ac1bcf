/** The overlay that shows every key. */

import { LitElement, css, html } from "../lit.js";
import { shared } from "../styles.js";
import { BINDINGS } from "./keys.js";

export class RkKeys extends LitElement {
  static styles = [
    shared,
    css`
      dialog {
        width: min(760px, calc(100vw - 24px));
        max-height: calc(100dvh - 24px);
        padding: 20px 24px 24px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--panel);
        color: var(--text);
      }
      dialog::backdrop {
        background: #000000b0;
      }
      .top {
        display: flex;
        justify-content: space-between;
        align-items: center;
        margin-bottom: 12px;
      }
      h1 {
        font-size: 17px;
      }
      .groups {
        columns: 2;
        column-gap: 32px;
      }
      section {
        break-inside: avoid;
        padding-bottom: 14px;
      }
      h2 {
        font-size: 13px;
        color: var(--quiet);
        padding-bottom: 4px;
      }
      dl {
        margin: 0;
        display: grid;
        grid-template-columns: 5.5rem 1fr;
      }
      dt,
      dd {
        margin: 0;
        padding: 4px 0;
      }
      kbd {
        font: inherit;
        padding: 1px 7px;
        border: 1px solid var(--strong-line);
        border-radius: 4px;
        background: #101010;
        white-space: nowrap;
      }
      @media (max-width: 640px) {
        .groups {
          columns: 1;
        }
      }
    `,
  ];

  show() {
    const dialog = this.renderRoot.querySelector("dialog");
    if (dialog?.open) dialog.close();
    else dialog?.showModal();
  }

  render() {
    const groups = [...new Set(BINDINGS.map((binding) => binding.group))];
    return html`<dialog aria-labelledby="title" @keydown=${this.#key}>
      <div class="top">
        <h1 id="title">Keys</h1>
        <button class="plain" autofocus @click=${this.show}>Close</button>
      </div>
      <div class="groups">
        ${groups.map(
          (group) => html`<section>
            <h2>${group}</h2>
            <dl>${BINDINGS.filter((binding) => binding.group === group).map((binding) => html`<dt><kbd>${binding.shown}</kbd></dt><dd>${binding.does}</dd>`)}</dl>
          </section>`,
        )}
      </div>
    </dialog>`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const dialog = /** @type {HTMLDialogElement} */ (event.currentTarget);
    if (!dialog.open) return; // closed a moment ago, and the focus has not left it yet: the key is for the player
    event.stopPropagation();
    if (event.key !== "?" && event.key !== "Escape") return;
    event.preventDefault();
    this.show();
  }
}
customElements.define("rk-keys", RkKeys);
