/** What to do with numbered pictures: one film at a rate, or each a picture of its own. Fires "film" and "pictures". */

import { LitElement, css, html } from "../lit.js";
import { shared } from "../styles.js";

/** @type {[string, [number, number]][]} */
const RATES = [
  ["23.976", [24000, 1001]],
  ["24", [24, 1]],
  ["25", [25, 1]],
  ["29.97", [30000, 1001]],
  ["30", [30, 1]],
  ["48", [48, 1]],
  ["50", [50, 1]],
  ["59.94", [60000, 1001]],
  ["60", [60, 1]],
];

export class RkSequenceChoice extends LitElement {
  static properties = { name: {}, files: { type: Number } };

  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        font-size: 13px;
      }
    `,
  ];

  constructor() {
    super();
    this.name = "";
    this.files = 0;
    this.chosen = "24";
  }

  #film() {
    const rate = RATES.find(([text]) => text === this.chosen)?.[1] ?? [24, 1];
    this.dispatchEvent(new CustomEvent("film", { detail: rate }));
  }

  render() {
    const { name, files } = this;
    return html`<button class="primary" aria-label="Upload ${name} as one film" @click=${() => this.#film()}>One film</button>
      <label>
        at
        <select aria-label="Frames a second of ${name}" @change=${(/** @type {any} */ event) => (this.chosen = event.target.value)}>
          ${RATES.map(([text]) => html`<option value=${text} ?selected=${text === this.chosen}>${text}</option>`)}
        </select>
        fps
      </label>
      <button aria-label="Upload ${name} as ${files} pictures" @click=${() => this.dispatchEvent(new CustomEvent("pictures"))}>${files.toLocaleString("en-US")} pictures</button>`;
  }
}
customElements.define("rk-sequence-choice", RkSequenceChoice);
