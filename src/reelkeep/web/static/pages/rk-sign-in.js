/** Sign in by e-mail and password. */

import { LitElement, css, html, nothing } from "../lit.js";
import { post } from "../api.js";
import { go } from "../router.js";
import { words } from "../sentences.js";
import { doorstep, shared } from "../styles.js";

export class RkSignIn extends LitElement {
  static properties = { next: {}, problem: { state: true }, busy: { state: true } };

  static styles = [
    shared,
    doorstep,
    css`
      form {
        width: min(100%, 340px);
        display: grid;
        gap: 14px;
      }
      h1 {
        margin-bottom: 6px;
      }
      label {
        display: grid;
        gap: 5px;
      }
      input {
        color: var(--text);
        min-height: 42px;
      }
      button {
        min-height: 42px;
        margin-top: 4px;
      }
      .message {
        border-left: 2px solid var(--bad);
        padding-left: 10px;
      }
    `,
  ];

  constructor() {
    super();
    this.next = "/";
    /** @type {unknown} */
    this.problem = null;
    this.busy = false;
  }

  firstUpdated() {
    document.title = "Sign in – Reelkeep";
    this.renderRoot.querySelector("input")?.focus();
  }

  /** @param {SubmitEvent} event */
  async #signIn(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    this.busy = true;
    this.problem = null;
    try {
      await post("/login", { email: form.get("email"), password: form.get("password"), kind: "browser" });
      go(this.next, { replace: true });
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.busy = false;
    }
  }

  render() {
    return html`<form @submit=${this.#signIn}>
      <h1>Sign in to Reelkeep</h1>
      <label>E-mail<input name="email" type="email" autocomplete="username" required /></label>
      <label>Password<input name="password" type="password" autocomplete="current-password" required /></label>
      <div role="alert">${this.problem ? html`<p class="message">${words(this.problem).message}<br /><span class="quiet">${words(this.problem).advice}</span></p>` : nothing}</div>
      <button class="primary" ?disabled=${this.busy}>${this.busy ? "Signing in…" : "Sign in"}</button>
    </form>`;
  }
}
customElements.define("rk-sign-in", RkSignIn);
