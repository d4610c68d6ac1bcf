/** Where the link of `reelkeep support open` leads: its secret stands behind the "#", which no server is sent. */

import { LitElement, css, html, nothing } from "../lit.js";
import { post } from "../api.js";
import { go } from "../router.js";
import { words } from "../sentences.js";
import { doorstep, shared } from "../styles.js";

export class RkSupportSignIn extends LitElement {
  static properties = { problem: { state: true }, busy: { state: true } };

  static styles = [
    shared,
    doorstep,
    css`
      div {
        width: min(100%, 400px);
        display: grid;
        gap: 14px;
      }
      button {
        min-height: 44px;
      }
    `,
  ];

  constructor() {
    super();
    this.token = location.hash.slice(1);
    /** @type {unknown} */
    this.problem = null;
    this.busy = false;
    history.replaceState(null, "", location.pathname);
  }

  firstUpdated() {
    document.title = "Support – Reelkeep";
    this.renderRoot.querySelector("button")?.focus();
  }

  async #comeIn() {
    this.busy = true;
    this.problem = null;
    try {
      const { path } = await post("/support/sign-in", { token: this.token });
      go(path, { replace: true });
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.busy = false;
    }
  }

  render() {
    const said = this.problem ? words(this.problem) : null;
    return html`<div>
      <h1>Look as support</h1>
      <p>You can change nothing here. The company sees your name, and each request that you make.</p>
      <button class="primary" ?disabled=${this.busy} @click=${this.#comeIn}>Come in</button>
      <p role="alert" ?hidden=${!said}>${said ? html`${said.message} <span class="quiet">${said.advice}</span>` : nothing}</p>
    </div>`;
  }
}
customElements.define("rk-support-sign-in", RkSupportSignIn);
