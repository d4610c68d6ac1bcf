/** What to do where the browser gives the page no decryption: plain HTTP from another machine. */

import { LitElement, css, html } from "../lit.js";
import { shared } from "../styles.js";

/** True if this page can play encrypted pictures here. */
export function canDecrypt() {
  return globalThis.isSecureContext && typeof navigator.requestMediaKeySystemAccess === "function";
}

/**
 * How to reach this server so that the browser trusts the connection.
 * @param {{hostname: string, port: string, protocol: string, pathname: string, search: string}} address
 * @param {string} slug  the company's name in host names
 */
export function tunnel({ hostname, port, protocol, pathname, search }, slug) {
  const number = port || (protocol === "https:" ? "443" : "80");
  return {
    command: `ssh -L ${number}:127.0.0.1:${number} ${hostname.replace(/^\[|\]$/g, "")}`,
    url: `${protocol}//${slug}.localhost:${number}${pathname}${search}`,
  };
}

export class RkNoKeys extends LitElement {
  static properties = { slug: {} };

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
      code {
        display: block;
        font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
        padding: 10px 12px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: #101010;
        overflow-wrap: anywhere;
        user-select: all;
      }
    `,
  ];

  constructor() {
    super();
    this.slug = "";
  }

  render() {
    if (globalThis.isSecureContext) {
      return html`<h2>This browser cannot decrypt the picture</h2>
        <p>Its Encrypted Media Extensions are missing or switched off. Use a current Chrome, Edge or Firefox, or switch on the playing of protected content in its settings.</p>`;
    }
    const { command, url } = tunnel(location, this.slug);
    return html`<h2>The picture needs a connection that the browser trusts</h2>
      <p>
        Pictures are encrypted, and browsers decrypt them (Encrypted Media Extensions) on HTTPS or on this machine's own address alone. You opened this page by plain
        HTTP from another machine. Make a tunnel to it in a terminal:
      </p>
      <code id="tunnel">${command}</code>
      <p>and leave it open. Then open this page again at</p>
      <code id="address">${url}</code>
      <p class="quiet">The operator of this installation can give it an HTTPS address; then no tunnel is needed.</p>`;
  }
}
customElements.define("rk-no-keys", RkNoKeys);
