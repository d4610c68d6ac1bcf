/** What to do where the browser gives the page no decryption. A request by another host name never gets this far: see ``web/elsewhere.py``. */

import { LitElement, css, html } from "../lit.js";
import { shared } from "../styles.js";

/** True if this page can play encrypted pictures here. */
export function canDecrypt() {
  return globalThis.isSecureContext && typeof navigator.requestMediaKeySystemAccess === "function";
}

export class RkNoKeys extends LitElement {
  static styles = [
    shared,
    css`
      :host {
        display: grid;
        align-content: center;
        gap: 12px;
        width: min(44rem, 100%);
        height: 100%;
        margin: auto;
        padding: 24px 16px;
      }
      h2 {
        font-size: 18px;
      }
    `,
  ];

  render() {
    if (globalThis.isSecureContext) {
      return html`<h2>This browser cannot decrypt the picture</h2>
        <p>Its Encrypted Media Extensions are missing or switched off. Use a current Chrome, Edge or Firefox, or switch on the playing of protected content in its settings.</p>`;
    }
    return html`<h2>The picture needs a connection that the browser trusts</h2>
      <p>
        Pictures are encrypted, and browsers decrypt them (Encrypted Media Extensions) on HTTPS or on a name that ends in "localhost" alone. ${location.host} is plain
        HTTP under another name.
      </p>
      <p class="quiet">Ask the operator of this installation for an HTTPS address.</p>`;
  }
}
customElements.define("rk-no-keys", RkNoKeys);
