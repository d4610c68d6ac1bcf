/** One asset as its page knows it: its versions, the one on the screen, its comments, this person's role; events keep it fresh. */

import { get, patch, post, remove } from "../api.js";
import { listen } from "../events.js";
import { isOpen } from "../version-words.js";

/**
 * @typedef {import("../api.js").Asset} Asset
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Comment} Comment
 */

/**
 * Fires "change", and before it "chosen" (another version, or one that can be played now), "grown" (more of the same),
 * "stopped" (its storage is out of use: nothing of it may stay on the screen) or "resumed".
 */
export class AssetRecord extends EventTarget {
  constructor() {
    super();
    /** @type {Asset | null} */
    this.asset = null;
    /** @type {Version | null} */
    this.version = null;
    /** @type {Comment[]} */
    this.comments = [];
    /** @type {import("../api.js").Production | null} */
    this.production = null;
    /** @type {unknown} */
    this.problem = null;
    /** @type {import("../events.js").StorageNews} */
    this.storage = { stopped: [], away: [] };
    /** True once the version on the screen was deleted. */
    this.deleted = false;
    this.stopListening = () => {};
  }

  /** Why nothing of this version is given out, or null. */
  get stopped() {
    return this.storage.stopped.find((each) => each.connection_id === this.version?.connection_id) ?? null;
  }

  /** True if the storage of this version does not answer. */
  get away() {
    return this.storage.away.includes(this.version?.connection_id ?? "");
  }

  /** @param {import("../events.js").StorageNews} news */
  #onStorage(news) {
    const before = this.stopped;
    this.storage = news;
    const what = this.stopped ? "stopped" : "resumed";
    this.#changed(Boolean(before) === Boolean(this.stopped) ? undefined : what);
  }

  /** @param {"chosen" | "grown" | "stopped" | "resumed"} [what] */
  #changed(what) {
    if (what) this.dispatchEvent(new Event(what));
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} assetId
   * @param {number | null} versionNumber
   */
  async open(assetId, versionNumber) {
    this.stopListening();
    try {
      const asset = /** @type {Asset} */ (await get(`/assets/${assetId}`));
      this.asset = asset;
      this.stopListening = listen(asset.production_id, (event) => this.#onEvent(event), () => this.#onConnected(asset));
      this.#readProduction(asset);
      this.choose(versionNumber);
    } catch (problem) {
      this.problem = problem;
      this.#changed();
    }
  }

  close() {
    this.stopListening();
  }

  /** @param {Asset} asset */
  async #readProduction(asset) {
    const { productions } = await get("/productions").catch(() => ({ productions: [] }));
    this.production = productions.find((/** @type {any} */ each) => each.id === asset.production_id) ?? this.production;
    this.#changed();
  }

  /**
   * Take a version, or the newest that can be played.
   * @param {number | null} number
   */
  choose(number) {
    const versions = this.asset?.versions ?? [];
    const chosen = number === null ? (versions.find(isOpen) ?? versions[0]) : versions.find((version) => version.number === number);
    if (chosen && chosen.id === this.version?.id) return;
    this.version = chosen ?? null;
    this.problem = null;
    this.deleted = false;
    this.comments = [];
    this.#readComments();
    this.#changed("chosen");
  }

  /** Read again what may have changed before the connection stood. @param {Asset} asset */
  #onConnected(asset) {
    this.#readVersion();
    if (this.production) this.#readProduction(asset);
  }

  /** @param {import("../events.js").LiveEvent} event */
  #onEvent({ what, version, production, stopped = [], away = [] }) {
    if (what === "storage") return this.#onStorage({ stopped, away });
    if (production) {
      if (this.production) this.production = { ...this.production, ...production };
      return this.#changed();
    }
    if (what.startsWith("comment") || !version) this.#readComments();
    if (!version || !this.asset) return;
    if (version.state === "deleted") return this.#gone(version.id);
    const known = this.asset.versions.some((each) => each.id === version.id);
    if (!known && version.asset_id === this.asset.id) this.#readVersions();
    this.asset = { ...this.asset, versions: this.asset.versions.map((each) => (each.id === version.id ? { ...each, ...version } : each)) };
    if (version.id === this.version?.id) this.#take({ ...this.version, ...version });
    return undefined;
  }

  /** Take a deleted version away; if it was on the screen, the newest that is left takes its place. @param {string} id */
  #gone(id) {
    if (!this.asset) return;
    const versions = this.asset.versions.filter((each) => each.id !== id);
    this.asset = { ...this.asset, versions };
    if (id !== this.version?.id) return this.#changed();
    this.version = null;
    this.comments = [];
    this.#changed("stopped");
    if (versions.length > 0) return this.choose(null);
    this.deleted = true;
    return this.#changed();
  }

  async #readVersions() {
    const answer = await get(`/assets/${this.asset?.id}`).catch(() => null);
    if (answer) this.asset = answer;
    this.#changed();
  }

  /** Read the version again after events may have been missed. */
  async #readVersion() {
    this.#readComments();
    const answer = this.version ? await get(`/versions/${this.version.id}`).catch(() => null) : null;
    if (answer && answer.id === this.version?.id) this.#take(answer);
  }

  /** @param {Version} version */
  #take(version) {
    const opens = !(this.version && isOpen(this.version)) && isOpen(version);
    this.version = version;
    this.#changed(opens ? "chosen" : "grown");
  }

  async #readComments() {
    const id = this.version?.id;
    if (!id) return;
    const answer = await get(`/versions/${id}/comments`).catch(() => null);
    if (!answer || this.version?.id !== id) return;
    this.comments = answer.comments.toSorted((/** @type {Comment} */ a, /** @type {Comment} */ b) => a.frame - b.frame);
    this.#changed();
  }

  /**
   * @param {{frame: number, last_frame: number | null, text: string}} comment
   * @throws {import("../api.js").ApiError}
   */
  async comment(comment) {
    await post(`/versions/${this.version?.id}/comments`, comment);
    await this.#readComments();
  }

  /**
   * @param {Comment} comment
   * @param {string} text
   * @throws {import("../api.js").ApiError}
   */
  async changeComment(comment, text) {
    this.#takeComment(await patch(`/comments/${comment.id}`, { text }));
  }

  /**
   * Note that a comment is done with, or take that back.
   * @param {Comment} comment
   * @param {"resolve" | "reopen"} what
   * @throws {import("../api.js").ApiError}
   */
  async tellComment(comment, what) {
    this.#takeComment(await post(`/comments/${comment.id}/${what}`));
  }

  /** @param {Comment} comment */
  #takeComment(comment) {
    this.comments = this.comments.map((each) => (each.id === comment.id ? comment : each));
    this.#changed();
  }

  /**
   * @param {Comment} comment
   * @throws {import("../api.js").ApiError}
   */
  async removeComment(comment) {
    await remove(`/comments/${comment.id}`);
    this.comments = this.comments.filter((each) => each.id !== comment.id);
    this.#changed();
  }

  /**
   * Stop the making of the version on the screen, or begin it again.
   * @param {"cancel" | "retry"} what
   * @throws {import("../api.js").ApiError}
   */
  async tell(what) {
    const version = /** @type {Version} */ (await post(`/versions/${this.version?.id}/${what}`));
    if (version.id === this.version?.id) this.#take({ ...this.version, ...version });
  }
}
