/** The right to watch one version, which ends after a while: it is renewed beneath the player, and addresses follow. */

import { post } from "../api.js";

/** Renewed this long before its end, and never more often than that. */
const BEFORE_END_MS = 5 * 60_000;
const SELDOM_MS = 5_000;
/** The longest wait that a browser's timer takes is 24.8 days; a session is far shorter. */
const LONGEST_MS = 24 * 3_600_000;

/** @typedef {import("../api.js").Playback} Session */

/** Fires "renewed". */
export class Watching extends EventTarget {
  /** @param {string} versionId */
  constructor(versionId) {
    super();
    this.versionId = versionId;
    /** @type {Session | null} */
    this.session = null;
    /** Addresses of sessions before this one. @type {string[]} */
    this.earlier = [];
    /** @type {Promise<void> | null} */
    this.renewing = null;
    this.renewedAt = -Infinity;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.closed = false;
  }

  /**
   * @returns {Promise<Session>}
   * @throws {import("../api.js").ApiError}
   */
  async begin() {
    const session = /** @type {Session} */ (await post(`/versions/${this.versionId}/playback-sessions`));
    if (this.session) this.earlier.push(this.session.base);
    this.session = session;
    this.#renewInTime(session);
    return session;
  }

  /** @param {Session} session */
  #renewInTime(session) {
    clearTimeout(this.timer);
    if (this.closed) return;
    const left = Date.parse(session.expires_at) - Date.now() - BEFORE_END_MS;
    this.timer = setTimeout(() => this.renew(), Math.min(Math.max(SELDOM_MS, left || 0), LONGEST_MS));
  }

  /** Begin a session in the place of the one that ends; a failure shows in the requests that go on failing. */
  renew() {
    if (this.renewing || this.closed || performance.now() - this.renewedAt < SELDOM_MS) return this.renewing;
    this.renewedAt = performance.now();
    this.renewing = this.begin()
      .then(() => void this.dispatchEvent(new Event("renewed")))
      .catch(() => {})
      .finally(() => (this.renewing = null));
    return this.renewing;
  }

  /**
   * The same thing's address in the session that stands now.
   * @param {string} uri
   */
  current(uri) {
    const before = this.earlier.find((base) => uri.startsWith(`${base}/`));
    return before && this.session ? this.session.base + uri.slice(before.length) : uri;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
