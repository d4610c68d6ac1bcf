/** The page's frame: who is signed in, the bar on top, and the page of the current address. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { followLink, go, readRoute } from "../router.js";
import { words } from "../sentences.js";
import { shared } from "../styles.js";
import { MediaReach } from "./media-reach.js";
import { scope } from "../support-words.js";
import "./rk-sign-in.js";
import "./rk-productions.js";
import "./rk-production.js";
import "./rk-asset.js";
import "./rk-storage.js";
import "./rk-network.js";
import "./rk-processes.js";
import "./rk-support.js";
import "./rk-support-sign-in.js";
import "../upload/rk-uploads.js";

/** @typedef {import("../api.js").Me} Me */

/** How often a page asks what its banners say where no live connection tells: of storage, and of support. */
const NOTICES_MS = 30_000;
/** So soon what may pass is tried again by itself. */
const AGAIN_MS = 3_000;

/** Pages for whoever is not signed in. */
const SIGNED_OUT = new Set(["signin", "support-sign-in"]);

export class RkApp extends LitElement {
  static properties = { route: { state: true }, me: { state: true }, problem: { state: true }, trail: { state: true } };

  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 100dvh;
      }
      header {
        display: flex;
        align-items: center;
        gap: 14px;
        height: 48px;
        padding: 0 16px;
        border-bottom: 1px solid var(--line);
        background: var(--ground);
        flex: none;
      }
      nav {
        display: flex;
        align-items: center;
        gap: 10px;
        min-width: 0;
        flex: 1;
      }
      nav a {
        text-decoration: none;
        white-space: nowrap;
        border-radius: 3px;
      }
      nav a:hover {
        text-decoration: underline;
        text-underline-offset: 3px;
      }
      .company {
        font-weight: 600;
        letter-spacing: 0.01em;
      }
      .here {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .slash {
        color: var(--strong-line);
      }
      main {
        flex: 1;
        min-height: 0;
        display: flex;
        flex-direction: column;
      }
      .name {
        color: var(--quiet);
        white-space: nowrap;
      }
      .banner {
        flex: none;
        padding: 10px 16px;
        border-bottom: 1px solid var(--bad);
        background: var(--raised);
      }
      .banner.support {
        border-color: var(--line);
      }
      .banner.support b {
        color: var(--text);
      }
      .banner b {
        font-weight: 500;
        color: var(--bad);
      }
      .notice {
        margin: 15vh auto;
        max-width: 28rem;
        padding: 0 16px;
        text-align: center;
        display: grid;
        gap: 10px;
        justify-items: center;
      }
      .skip {
        position: absolute;
        left: -999px;
      }
      .skip:focus {
        left: 12px;
        top: 6px;
        z-index: 50;
      }
      main:focus {
        outline: none;
      }
      @media (pointer: coarse) {
        nav a,
        .notice a {
          line-height: 44px;
        }
        nav .company {
          padding-inline: 4px;
        }
      }
      @media (max-width: 720px) {
        header {
          padding: 0 12px;
          gap: 8px;
        }
        .name {
          display: none;
        }
        nav {
          gap: 7px;
        }
        nav .company {
          flex: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../router.js").Route} */
    this.route = readRoute(location);
    /** @type {Me | null} */
    this.me = null;
    /** @type {unknown} */
    this.problem = null;
    /** Names between the company and the end of the address. @type {{text: string, href?: string, titleOnly?: boolean}[]} */
    this.trail = [];
    this.onRoute = () => this.#route();
    this.onNotices = () => this.#readNotices();
    this.media = new MediaReach();
    this.media.addEventListener("change", () => this.requestUpdate());
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.noticeTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.againTimer = undefined;
    this.onSignedOut = () => {
      this.me = null;
      // Later, so that the page on the screen can first put into its address where the person is.
      queueMicrotask(() => {
        if (!SIGNED_OUT.has(this.route.page)) go(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
      });
    };
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("popstate", this.onRoute);
    addEventListener("reelkeep-route", this.onRoute);
    addEventListener("reelkeep-signed-out", this.onSignedOut);
    addEventListener("reelkeep-storage", this.onNotices);
    addEventListener("reelkeep-notices", this.onNotices);
    this.noticeTimer = setInterval(this.onNotices, NOTICES_MS);
    this.addEventListener("click", followLink);
    this.addEventListener("reelkeep-trail", (event) => this.#setTrail(/** @type {CustomEvent} */ (event).detail));
    if (!SIGNED_OUT.has(this.route.page)) this.#readMe();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("popstate", this.onRoute);
    removeEventListener("reelkeep-route", this.onRoute);
    removeEventListener("reelkeep-signed-out", this.onSignedOut);
    removeEventListener("reelkeep-storage", this.onNotices);
    removeEventListener("reelkeep-notices", this.onNotices);
    clearInterval(this.noticeTimer);
    clearTimeout(this.againTimer);
    this.media.close();
  }

  #route() {
    const before = this.route;
    this.route = readRoute(location);
    if (before.page !== this.route.page) {
      this.#setTrail([]);
      this.#toContent();
    }
    if (!SIGNED_OUT.has(this.route.page) && !this.me) this.#readMe();
  }

  /** @param {{text: string, href?: string, titleOnly?: boolean}[]} trail */
  #setTrail(trail) {
    this.trail = trail;
    document.title = [...trail.map((part) => part.text).reverse(), "Reelkeep"].join(" – ");
  }

  async #readMe() {
    clearTimeout(this.againTimer);
    try {
      this.me = await get("/me");
      this.problem = null;
      this.media.watch(this.me?.media_origin ?? "");
    } catch (problem) {
      if (/** @type {any} */ (problem).code === "sign_in") return;
      this.problem = problem;
      if (/** @type {any} */ (problem).passing) this.againTimer = setTimeout(() => this.#readMe(), AGAIN_MS);
    }
  }

  async #readNotices() {
    if (!this.me || this.me.user.is_support || document.hidden) return;
    const fresh = await get("/me").catch(() => null);
    if (fresh && this.me) this.me = { ...this.me, storage: fresh.storage, support: fresh.support };
  }

  async #signOut() {
    await post("/logout").catch(() => {});
    this.me = null;
    go("/signin");
  }

  render() {
    if (this.route.page === "signin") return html`<main><rk-sign-in .next=${this.route.next}></rk-sign-in></main>`;
    if (this.route.page === "support-sign-in") return html`<main><rk-support-sign-in></rk-support-sign-in></main>`;
    if (!this.me) return html`<main>${this.problem ? this.#renderProblem() : nothing}</main>`;
    return html`
      <header>
        <button class="skip" @click=${this.#toContent}>Go to the content</button>
        <nav aria-label="You are here">
          <a class="company" href="/">${this.me.company.name}</a>
          ${this.trail.filter((part) => !part.titleOnly).map((part) => html`<span class="slash" aria-hidden="true">/</span>${part.href ? html`<a class="here" href=${part.href}>${part.text}</a>` : html`<span class="here" aria-current="page">${part.text}</span>`}`)}
        </nav>
        <span class="name">${this.me.user.name}</span>
        <button class="plain" @click=${this.#signOut}>Sign out</button>
      </header>
      <div role="alert">${this.media.reached ? nothing : this.#renderUnreached(this.me)}${this.me.storage.map((notice) => this.#renderNotice(notice))}</div>
      <div role="status">${this.#renderSupport(this.me)}</div>
      <main id="main" tabindex="-1">${this.#renderPage(this.me)}</main>
      <rk-uploads .userId=${this.me.user.id}></rk-uploads>
    `;
  }

  /** @param {Me} me */
  #renderUnreached({ media_origin: origin }) {
    return html`<p class="banner unreached">
      <b>Pictures and films do not reach this browser.</b> They come from an address of their own. Open <a href="${origin}/" target="_blank" rel="noopener">${origin}</a>: if the browser warns of its
      certificate there, and you know that this installation signs its own, accept it, come back, and load this page again.
    </p>`;
  }

  /** @param {import("../api.js").StorageNotice} notice */
  #renderNotice(notice) {
    const again = notice.answers_again ? html` Its bucket lets Reelkeep in again.` : nothing;
    return html`<p class="banner"><b>${notice.message}</b>${again} ${notice.advice} ${this.route.page === "storage" ? nothing : html`<a href="/storage">Go to Storage</a>`}</p>`;
  }

  /** Support that may look is seen by everybody, as long as it may. @param {Me} me */
  #renderSupport({ user, support }) {
    if (!support) return nothing;
    const isAway = user.is_company_admin && this.route.page !== "support";
    const link = isAway ? html` <a href="/support">See what they did, or end it</a>` : nothing;
    return html`<p class="banner support">${user.is_support ? html`<b>You are here as support.</b> You may look at ${scope(support)}. Each of your requests is on the company's record.` : html`<b>Support may look</b> at ${scope(support)}. ${support.given_by} let them.${link}`}</p>`;
  }

  /** Whoever follows a link by keyboard goes on from the new page's beginning. */
  async #toContent() {
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("#main"))?.focus({ preventScroll: true });
  }

  /** @param {Me} me */
  #renderPage(me) {
    const route = this.route;
    switch (route.page) {
      case "productions":
        return html`<rk-productions .me=${me}></rk-productions>`;
      case "production":
        return html`<rk-production .me=${me} .productionId=${route.id}></rk-production>`;
      case "storage":
        return html`<rk-storage .user=${this.me?.user ?? null}></rk-storage>`;
      case "network":
        return html`<rk-network></rk-network>`;
      case "support":
        return html`<rk-support .me=${me}></rk-support>`;
      case "processes":
        return html`<rk-processes></rk-processes>`;
      case "asset":
        return html`<rk-asset .me=${me} .assetId=${route.id} .versionNumber=${route.version} .startFrame=${route.frame}></rk-asset>`;
      default:
        return html`<div class="notice"><h1>There is no such page</h1><a href="/">Go to your productions</a></div>`;
    }
  }

  #renderProblem() {
    const { message, advice } = words(this.problem);
    return html`<div class="notice" role="alert">
      <h1>${message}</h1>
      <p class="quiet">${advice}</p>
      <button @click=${this.#readMe}>Try again</button>
    </div>`;
  }
}
customElements.define("rk-app", RkApp);
