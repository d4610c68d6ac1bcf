/** The player's page: one asset, one of its versions, its picture, its sound, its comments. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post, remove, words } from "../api.js";
import { listen } from "../events.js";
import { icons } from "../icons.js";
import { go } from "../router.js";
import { shared } from "../styles.js";
import { isOpen, stateText } from "../version-words.js";
import { actionFor } from "../player/keys.js";
import { Playback } from "../player/playback.js";
import { canDecrypt } from "../player/rk-no-keys.js";
import "../player/rk-comments.js";
import "../player/rk-keys.js";
import "../player/rk-timeline.js";
import "../player/rk-transport.js";

/**
 * @typedef {import("../api.js").Asset} Asset
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Comment} Comment
 * @typedef {import("../player/keys.js").Action} Action
 */

const MAY_COMMENT = ["production_admin", "uploader", "reviewer"];
const MAY_DOWNLOAD = ["production_admin", "uploader"];
const FASTEST = 8;

export class RkAsset extends LitElement {
  static properties = {
    me: {},
    assetId: {},
    versionNumber: {},
    startFrame: {},
    asset: { state: true },
    version: { state: true },
    comments: { state: true },
    problem: { state: true },
    commentProblem: { state: true },
    range: { state: true },
    looping: { state: true },
    muted: { state: true },
    sheet: { state: true },
    role: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        flex: 1;
        min-height: 0;
        display: grid;
        grid-template-columns: minmax(0, 1fr) 340px;
        grid-template-rows: minmax(0, 1fr);
        height: calc(100dvh - 48px);
      }
      .viewer {
        display: flex;
        flex-direction: column;
        min-width: 0;
        min-height: 0;
        background: var(--ground);
      }
      .facts {
        display: flex;
        align-items: center;
        gap: 10px;
        padding: 6px 12px;
        min-height: 48px;
      }
      .facts .state {
        margin-left: auto;
        color: var(--quiet);
        white-space: nowrap;
      }
      .facts h1 {
        font-size: 15px;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .stage {
        position: relative;
        flex: 1;
        min-height: 0;
        background: #000000;
        overflow: hidden;
      }
      video {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: contain;
        z-index: 1;
      }
      /* A hair from opaque: the compositor lets a video that is wholly covered go stale, and it must be fresh when it
         is raised. The picture below adds less than a thirtieth of one 8-bit step. */
      video.top {
        z-index: 2;
        opacity: 0.9999;
      }
      .over {
        position: absolute;
        inset: 0;
        z-index: 3;
        display: grid;
        place-items: center;
        text-align: center;
        background: #000000;
        overflow: auto;
        padding: 16px;
      }
      .over.light {
        background: #000000b0;
      }
      .say {
        display: grid;
        gap: 8px;
        justify-items: center;
        max-width: 32rem;
      }
      rk-comments {
        border-left: 1px solid var(--line);
      }
      rk-keys {
        position: absolute;
      }
      .viewer:fullscreen .facts {
        display: none;
      }
      @media (max-width: 860px) {
        :host {
          grid-template-columns: minmax(0, 1fr);
          grid-template-rows: auto minmax(0, 1fr);
        }
        .viewer:not(:fullscreen) .stage {
          flex: none;
          aspect-ratio: var(--aspect, 16 / 9);
          max-height: 46dvh;
        }
        .facts h1 {
          flex: 1;
        }
        .facts .state {
          display: none;
        }
        rk-comments {
          border-left: 0;
          border-top: 1px solid var(--line);
        }
        :host([data-writing]) .facts {
          display: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {import("../api.js").Me | undefined} */
    this.me = undefined;
    this.assetId = "";
    /** @type {number | null} */
    this.versionNumber = null;
    /** @type {number | null} */
    this.startFrame = null;
    /** @type {Asset | null} */
    this.asset = null;
    /** @type {Version | null} */
    this.version = null;
    /** @type {Comment[]} */
    this.comments = [];
    /** @type {unknown} */
    this.problem = null;
    this.commentProblem = "";
    /** @type {{from: number | null, to: number | null}} */
    this.range = { from: null, to: null };
    this.looping = false;
    this.muted = false;
    this.sheet = false;
    /** @type {string | null} */
    this.role = null;
    /** @type {Playback | null} */
    this.playback = null;
    this.stopListening = () => {};
    this.opened = "";
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.#key(event);
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("keydown", this.onKey);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("keydown", this.onKey);
    this.stopListening();
    this.playback?.close();
    this.playback = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("assetId") && this.assetId) this.#openAsset();
    else if (changed.has("versionNumber") && this.asset) this.#chooseVersion();
  }

  updated() {
    const pair = this.playback?.pair;
    this.dataset.frame = String(pair?.frame ?? "");
    this.dataset.paintedFrame = String(pair?.painted ?? "");
    this.dataset.playerState = pair?.state ?? "none";
    this.dataset.lane = pair ? (pair.top === pair.full ? "full" : "step") : "";
    this.dataset.frames = String(pair?.frames ?? "");
    this.dataset.published = String(pair?.published ?? "");
    const { width_px: width, height_px: height } = this.version ?? {};
    if (width && height) this.style.setProperty("--aspect", `${width} / ${height}`);
  }

  async #openAsset() {
    this.stopListening();
    try {
      const answer = await get(`/assets/${this.assetId}`);
      const asset = /** @type {Asset} */ (answer.asset ?? answer);
      this.asset = asset;
      this.stopListening = listen(asset.production_id, (event) => this.#onEvent(event), () => this.#readVersion());
      this.#readProduction(asset);
      this.#chooseVersion();
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {Asset} asset */
  async #readProduction(asset) {
    const { productions } = await get("/productions").catch(() => ({ productions: [] }));
    const production = productions.find((/** @type {any} */ each) => each.id === asset.production_id);
    this.role = production?.role ?? (this.me?.user.is_company_admin ? "production_admin" : null);
    const detail = [{ text: production?.name ?? "Production", href: `/productions/${asset.production_id}` }, { text: asset.name, titleOnly: true }];
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail, bubbles: true, composed: true }));
  }

  #chooseVersion() {
    const versions = this.asset?.versions ?? [];
    const newestOpen = versions.find(isOpen) ?? versions[0];
    const chosen = this.versionNumber === null ? newestOpen : versions.find((version) => version.number === this.versionNumber);
    if (chosen?.id === this.version?.id) return;
    this.version = chosen ?? null;
    this.problem = null;
    this.comments = [];
    this.range = { from: null, to: null };
    this.looping = false;
    this.#readComments();
    this.#openPlayer();
  }

  async #openPlayer() {
    const version = this.version;
    await this.playback?.close();
    this.playback = null;
    this.requestUpdate();
    if (!version || !isOpen(version) || !canDecrypt()) return;
    await this.updateComplete;
    const step = /** @type {HTMLVideoElement | null} */ (this.renderRoot.querySelector("#step"));
    const full = /** @type {HTMLVideoElement | null} */ (this.renderRoot.querySelector("#full"));
    if (!step || !full || this.version?.id !== version.id) return;
    const playback = new Playback(version, step, full);
    this.playback = playback;
    playback.addEventListener("change", () => this.requestUpdate());
    playback.addEventListener("problem", (event) => (this.problem = /** @type {CustomEvent} */ (event).detail));
    try {
      await playback.open(this.startFrame ?? 0);
    } catch (problem) {
      if (this.playback === playback && /** @type {any} */ (problem)?.code !== 7000) this.problem = problem;
    }
  }

  /** @param {{what: string, version?: Version}} event */
  #onEvent({ what, version }) {
    if (what.startsWith("comment") || !version) this.#readComments();
    if (!version || !this.asset) return;
    const known = this.asset.versions.some((each) => each.id === version.id);
    if (!known && version.asset_id === this.asset.id) this.#readVersions();
    this.asset = { ...this.asset, versions: this.asset.versions.map((each) => (each.id === version.id ? { ...each, ...version } : each)) };
    if (version.id === this.version?.id) this.#takeVersion({ ...this.version, ...version });
  }

  async #readVersions() {
    const answer = await get(`/assets/${this.assetId}`).catch(() => null);
    if (answer) this.asset = answer.asset ?? answer;
  }

  /** Read the version again after events may have been missed. */
  async #readVersion() {
    this.#readComments();
    const answer = this.version ? await get(`/versions/${this.version.id}`).catch(() => null) : null;
    if (answer) this.#takeVersion(answer.version ?? answer);
  }

  /** @param {Version} version */
  #takeVersion(version) {
    const opens = !(this.version && isOpen(this.version)) && isOpen(version);
    this.version = version;
    if (opens) this.#openPlayer();
    else this.playback?.update(version);
  }

  async #readComments() {
    const id = this.version?.id;
    if (!id) return;
    const answer = await get(`/versions/${id}/comments`).catch(() => null);
    if (answer && this.version?.id === id) this.comments = answer.comments.toSorted((/** @type {Comment} */ a, /** @type {Comment} */ b) => a.frame - b.frame);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const action = actionFor(event);
    if (!action) return;
    const target = event.composedPath()[0];
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return;
    if (event.key === " " && target instanceof HTMLElement && target.closest("button, a, summary")) return;
    event.preventDefault();
    this.#do(action);
  }

  /** @param {Action} action */
  #do(action) {
    const pair = this.playback?.pair;
    const panels = /** @type {{[name: string]: any}} */ ({ keys: this.renderRoot.querySelector("rk-keys"), comments: this.renderRoot.querySelector("rk-comments") });
    if (action === "help") return panels.keys?.show();
    if (!pair) return undefined;
    switch (action) {
      case "toggle":
        return pair.state === "playing" || pair.state === "reverse" || pair.state === "waiting" ? pair.pause() : this.#play(1);
      case "stop":
        return pair.pause();
      case "forward":
        return this.#play(pair.state === "playing" ? Math.min(FASTEST, pair.speed * 2) : 1);
      case "back":
        return pair.reverse(pair.state === "reverse" ? Math.min(FASTEST, pair.speed * 2) : 1);
      case "stepBack":
        return pair.stepBy(-1);
      case "stepForward":
        return pair.stepBy(1);
      case "stepBack10":
        return pair.stepBy(-10);
      case "stepForward10":
        return pair.stepBy(10);
      case "first":
        return pair.goTo(0);
      case "last":
        return pair.goTo(pair.limit - 1);
      case "comment":
        if (pair.state !== "paused") pair.pause();
        return panels.comments?.write();
      case "previousComment":
      case "nextComment":
        return this.#otherComment(action === "nextComment" ? 1 : -1);
      case "goTo":
        return /** @type {any} */ (this.renderRoot.querySelector("rk-transport"))?.editTimecode();
      case "mute":
        this.muted = !this.muted;
        return undefined;
      case "fullScreen":
        return document.fullscreenElement ? document.exitFullscreen() : this.renderRoot.querySelector(".viewer")?.requestFullscreen();
      default:
        return this.#mark(action, pair);
    }
  }

  /** @param {number} speed */
  #play(speed) {
    const pair = this.playback?.pair;
    if (!pair) return;
    pair.loop = this.#loop();
    pair.play(speed);
  }

  /** @returns {{from: number, to: number} | null} */
  #loop() {
    const last = (this.playback?.pair?.frames ?? 1) - 1;
    return this.looping ? { from: this.range.from ?? 0, to: this.range.to ?? last } : null;
  }

  /**
   * @param {Action} action
   * @param {import("../player/picture-pair.js").PicturePair} pair
   */
  #mark(action, pair) {
    const { from, to } = this.range;
    if (action === "markIn") this.range = { from: pair.frame, to: to !== null && to > pair.frame ? to : null };
    if (action === "markOut") this.range = { from: from !== null && from < pair.frame ? from : null, to: pair.frame };
    if (action === "clearMarks") this.range = { from: null, to: null };
    if (action === "goIn" && from !== null) pair.goTo(from);
    if (action === "goOut" && to !== null) pair.goTo(to);
    if (action === "loop") this.looping = !this.looping;
    pair.loop = this.#loop();
    this.requestUpdate();
  }

  /** @param {1 | -1} way */
  #otherComment(way) {
    const frame = this.playback?.pair?.frame ?? 0;
    const ordered = way === 1 ? this.comments : this.comments.toReversed();
    const found = ordered.find((comment) => (comment.frame - frame) * way > 0);
    if (found) this.playback?.pair?.goTo(found.frame);
  }

  /** @param {CustomEvent<string>} event */
  async #sendComment(event) {
    const panel = /** @type {any} */ (event.target);
    this.commentProblem = "";
    try {
      await post(`/versions/${this.version?.id}/comments`, { frame: this.playback?.pair?.frame ?? 0, text: event.detail });
      panel.sent(true);
      await this.#readComments();
    } catch (problem) {
      this.commentProblem = `${words(problem).message} ${words(problem).advice}`;
      panel.sent(false);
    }
  }

  /** @param {CustomEvent<Comment>} event */
  async #deleteComment(event) {
    try {
      await remove(`/comments/${event.detail.id}`);
      this.comments = this.comments.filter((comment) => comment.id !== event.detail.id);
    } catch (problem) {
      this.commentProblem = `${words(problem).message} ${words(problem).advice}`;
    }
  }

  async #download() {
    try {
      const { url } = await get(`/versions/${this.version?.id}/download`);
      location.assign(url);
    } catch (problem) {
      this.commentProblem = `${words(problem).message} ${words(problem).advice}`;
    }
  }

  /** @param {Event} event */
  #pickVersion(event) {
    go(`/assets/${this.assetId}?version=${/** @type {HTMLSelectElement} */ (event.target).value}`);
  }

  get #quality() {
    const pair = this.playback?.pair;
    const height = pair?.top.height;
    return height ? `${height}p` : "";
  }

  render() {
    const version = this.version;
    const pair = this.playback?.pair;
    const session = this.playback?.session;
    const rate = session ? { n: session.rate[0], d: session.rate[1] } : { n: 24, d: 1 };
    const start = session?.start_timecode ? { frame: session.start_timecode.frame, dropFrame: session.start_timecode.drop_frame } : null;
    const silent = session ? !session.renditions.some((rendition) => rendition.kind === "audio") : false;
    return html`
      <div class="viewer">
        ${this.#renderFacts(version)}
        <div class="stage" @click=${() => pair && this.#do("toggle")}>
          <video id="full" playsinline .muted=${this.muted} aria-hidden="true"></video>
          <video id="step" class="top" playsinline muted .muted=${true} aria-hidden="true"></video>
          ${this.#renderOver(version)}
        </div>
        <rk-timeline .frame=${pair?.frame ?? 0} .frames=${pair?.frames ?? 1} .published=${pair?.published ?? 1} .rate=${rate} .start=${start} .range=${this.range}
          .looping=${this.looping} .comments=${this.comments} .tiles=${this.playback?.tiles ?? null} .peaks=${this.playback?.peaks ?? null}
          @seek=${(/** @type {CustomEvent} */ event) => pair?.goTo(event.detail)} @comment=${(/** @type {CustomEvent} */ event) => pair?.goTo(event.detail.frame)}></rk-timeline>
        <rk-transport .frame=${pair?.frame ?? 0} .frames=${pair?.frames ?? 1} .rate=${rate} .start=${start} .state=${pair?.state ?? "loading"} .speed=${pair?.speed ?? 1}
          .muted=${this.muted} .looping=${this.looping} .silent=${silent} .quality=${this.#quality}
          @action=${(/** @type {CustomEvent} */ event) => this.#do(event.detail)} @go-to=${(/** @type {CustomEvent} */ event) => pair?.goTo(event.detail)}></rk-transport>
      </div>
      <rk-comments .comments=${this.comments} .frame=${pair?.frame ?? 0} .rate=${rate} .start=${start} .userId=${this.me?.user.id ?? ""}
        .mayComment=${MAY_COMMENT.includes(this.role ?? "") && pair !== undefined && pair !== null} .problem=${this.commentProblem}
        @choose=${(/** @type {CustomEvent} */ event) => pair?.goTo(event.detail.frame)} @writing=${() => pair && pair.state !== "paused" && pair.pause()}
        @send=${this.#sendComment} @delete=${this.#deleteComment}></rk-comments>
      <rk-keys></rk-keys>
    `;
  }

  /** @param {Version | null} version */
  #renderFacts(version) {
    const versions = this.asset?.versions ?? [];
    return html`<div class="facts">
      <h1>${this.asset?.name ?? ""}</h1>
      ${versions.length > 1
        ? html`<select aria-label="Version" @change=${this.#pickVersion}>${versions.map((each) => html`<option value=${each.number} ?selected=${each.id === version?.id}>Version ${each.number}</option>`)}</select>`
        : nothing}
      <span class="state" role="status">${version && version.state !== "ready" ? stateText(version) : ""}</span>
      ${version?.stored_at && MAY_DOWNLOAD.includes(this.role ?? "") ? html`<button class="plain icon" aria-label="Download the original" title="Download the original" @click=${this.#download}>${icons.download}</button>` : nothing}
    </div>`;
  }

  /** @param {Version | null} version */
  #renderOver(version) {
    if (this.problem) {
      const { message, advice } = words(this.problem);
      return html`<div class="over light" role="alert" @click=${this.#keepClick}>
        <div class="say"><h2>${message}</h2><p class="quiet">${advice}</p><button @click=${this.#again}>Open it again</button></div>
      </div>`;
    }
    if (this.asset && !version) return html`<div class="over"><p>There is no such version.</p></div>`;
    if (!version) return nothing;
    if (!isOpen(version)) {
      return html`<div class="over"><div class="say"><h2>${stateText(version)}</h2><p class="quiet">${version.problem ?? "The picture appears here as soon as the first of it is made."} ${version.advice ?? ""}</p></div></div>`;
    }
    if (!canDecrypt()) return html`<div class="over" @click=${this.#keepClick}><rk-no-keys .slug=${this.me?.company.slug ?? ""}></rk-no-keys></div>`;
    return nothing;
  }

  /** @param {Event} event */
  #keepClick(event) {
    event.stopPropagation();
  }

  #again() {
    this.problem = null;
    this.startFrame = this.playback?.pair?.frame ?? this.startFrame;
    this.#openPlayer();
  }
}
customElements.define("rk-asset", RkAsset);
