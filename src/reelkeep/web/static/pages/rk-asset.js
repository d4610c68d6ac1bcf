/** The player's page: one asset, one of its versions, its picture, its sound, its comments. */

import { LitElement, html, nothing } from "../lit.js";
import { get } from "../api.js";
import { icons } from "../icons.js";
import { go } from "../router.js";
import { sentence, words, wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { isOpen, mayAgain, mayStop, stateText } from "../version-words.js";
import { actionFor } from "../player/keys.js";
import { isMoving, move } from "../player/moves.js";
import { Playback } from "../player/playback.js";
import { WHOLE, loopOf, marked } from "../player/range.js";
import { canDecrypt } from "../player/rk-no-keys.js";
import { SoundAlone } from "../player/sound-alone.js";
import "../player/rk-comments.js";
import "../player/rk-keys.js";
import "../player/rk-timeline.js";
import "../player/rk-transport.js";
import "../player/rk-wave.js";
import { AssetRecord } from "./asset-record.js";
import { assetStyles } from "./asset-styles.js";

/**
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Comment} Comment
 * @typedef {import("../player/keys.js").Action} Action
 */

const MAY_COMMENT = ["production_admin", "uploader", "reviewer"];
const MAY_UPLOAD = ["production_admin", "uploader"];
const UNKNOWN_RATE = { n: 24, d: 1 };

export class RkAsset extends LitElement {
  static properties = {
    me: {},
    assetId: {},
    versionNumber: {},
    startFrame: {},
    problem: { state: true },
    commentProblem: { state: true },
    notice: { state: true },
    range: { state: true },
    looping: { state: true },
    muted: { state: true },
  };

  static styles = [shared, assetStyles];

  constructor() {
    super();
    /** @type {import("../api.js").Me | undefined} */
    this.me = undefined;
    this.assetId = "";
    /** @type {number | null} */
    this.versionNumber = null;
    /** @type {number | null} */
    this.startFrame = null;
    this.record = new AssetRecord();
    this.record.addEventListener("change", () => this.#onRecord());
    this.record.addEventListener("chosen", () => this.#onChosen());
    this.record.addEventListener("grown", () => this.#onGrown());
    /** What went wrong with the picture. @type {unknown} */
    this.problem = null;
    this.commentProblem = "";
    this.notice = "";
    this.range = WHOLE;
    this.looping = false;
    this.muted = false;
    /** @type {Playback | null} */
    this.playback = null;
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    this.onSignedOut = () => location.pathname === `/assets/${this.assetId}` && history.replaceState(null, "", this.#here());
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("keydown", this.onKey);
    addEventListener("reelkeep-signed-out", this.onSignedOut);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("keydown", this.onKey);
    removeEventListener("reelkeep-signed-out", this.onSignedOut);
    this.record.close();
    this.playback?.close();
    this.playback = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("assetId") && this.assetId) this.record.open(this.assetId, this.versionNumber);
    else if (changed.has("versionNumber") && this.record.asset) this.record.choose(this.versionNumber);
  }

  updated() {
    const pair = this.playback?.pair;
    this.dataset.frame = String(pair?.frame ?? "");
    this.dataset.paintedFrame = String(pair?.painted ?? "");
    this.dataset.playerState = pair?.state ?? "none";
    this.dataset.lane = pair ? (pair.onFull ? "full" : "step") : "";
    this.dataset.frames = String(pair?.frames ?? "");
    this.dataset.published = String(pair?.published ?? "");
    const { width_px: width, height_px: height } = this.record.version ?? {};
    if (width && height) this.style.setProperty("--aspect", `${width} / ${height}`);
  }

  /** The address of what is on the screen. */
  #here() {
    const { version } = this.record;
    const frame = this.playback?.pair?.frame ?? this.startFrame ?? 0;
    return version ? `/assets/${this.assetId}?version=${version.number}&frame=${frame}` : location.pathname;
  }

  get #role() {
    return this.record.production?.role ?? (this.me?.user.is_company_admin ? "production_admin" : "");
  }

  #onRecord() {
    this.requestUpdate();
    const { asset, production, problem } = this.record;
    if (problem) this.problem = problem;
    if (!asset) return;
    const detail = [{ text: production?.name ?? "Production", href: `/productions/${asset.production_id}` }, { text: asset.name, titleOnly: true }];
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail, bubbles: true, composed: true }));
  }

  #onChosen() {
    this.problem = null;
    this.notice = "";
    this.range = WHOLE;
    this.looping = false;
    this.#openPlayer();
  }

  #onGrown() {
    const { version } = this.record;
    if (version && isOpen(version)) this.playback?.update(version);
    else if (this.playback) this.#openPlayer(); // stopped or failed: nothing more comes
  }

  async #openPlayer() {
    const { version } = this.record;
    await this.playback?.close();
    this.playback = null;
    this.requestUpdate();
    if (!version || !isOpen(version) || !canDecrypt()) return;
    await this.updateComplete;
    const [full, step] = /** @type {NodeListOf<HTMLVideoElement>} */ (this.renderRoot.querySelectorAll("video"));
    if (!step || !full || this.record.version?.id !== version.id) return;
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
    if (action === "help") return /** @type {any} */ (this.renderRoot.querySelector("rk-keys"))?.show();
    const film = this.playback?.pair;
    if (!film) return undefined;
    film.loop = this.looping ? loopOf(this.range, film.frames) : null;
    if (move(film, action)) return undefined;
    switch (action) {
      case "comment":
        if (isMoving(film)) film.pause();
        return /** @type {any} */ (this.renderRoot.querySelector("rk-comments"))?.write();
      case "previousComment":
      case "nextComment":
        return this.#otherComment(film, action === "nextComment" ? 1 : -1);
      case "goTo":
        return /** @type {any} */ (this.renderRoot.querySelector("rk-transport"))?.editTimecode();
      case "mute":
        this.muted = !this.muted;
        return undefined;
      case "fullScreen":
        return document.fullscreenElement ? document.exitFullscreen() : this.renderRoot.querySelector(".viewer")?.requestFullscreen();
      case "goIn":
      case "goOut":
        return this.#goToPoint(film, action === "goIn" ? this.range.from : this.range.to);
      case "loop":
        this.looping = !this.looping;
        break;
      default:
        this.range = marked(this.range, action, film.frame);
    }
    film.loop = this.looping ? loopOf(this.range, film.frames) : null;
    return undefined;
  }

  /**
   * @param {import("../player/moves.js").Film} film
   * @param {number | null} frame
   */
  #goToPoint(film, frame) {
    if (frame !== null) film.goTo(frame);
  }

  /**
   * @param {import("../player/moves.js").Film} film
   * @param {1 | -1} way
   */
  #otherComment(film, way) {
    const ordered = way === 1 ? this.record.comments : this.record.comments.toReversed();
    const found = ordered.find((comment) => (comment.frame - film.frame) * way > 0);
    if (found) film.goTo(found.frame);
  }

  /** @param {CustomEvent<string>} event */
  async #sendComment(event) {
    const panel = /** @type {any} */ (event.target);
    this.commentProblem = "";
    try {
      await this.record.comment(this.playback?.pair?.frame ?? 0, event.detail);
      panel.sent(true);
    } catch (problem) {
      this.commentProblem = wordsInOne(problem);
      panel.sent(false);
    }
  }

  /** @param {CustomEvent<Comment>} event */
  async #deleteComment(event) {
    this.commentProblem = "";
    await this.record.removeComment(event.detail).catch((problem) => (this.commentProblem = wordsInOne(problem)));
  }

  async #download() {
    this.notice = "";
    try {
      const { url } = await get(`/versions/${this.record.version?.id}/download`);
      location.assign(url);
    } catch (problem) {
      this.notice = wordsInOne(problem);
    }
  }

  /** @param {"cancel" | "retry"} what */
  async #tell(what) {
    this.notice = "";
    await this.record.tell(what).catch((problem) => (this.notice = wordsInOne(problem)));
  }

  /** @param {Event} event */
  #pickVersion(event) {
    go(`/assets/${this.assetId}?version=${/** @type {HTMLSelectElement} */ (event.target).value}`);
  }

  render() {
    const { version, comments } = this.record;
    const film = this.playback?.pair;
    const session = this.playback?.session;
    const rate = session ? { n: session.rate[0], d: session.rate[1] } : UNKNOWN_RATE;
    const start = session?.start_timecode ? { frame: session.start_timecode.frame, dropFrame: session.start_timecode.drop_frame } : null;
    const frame = film?.frame ?? 0;
    const goTo = (/** @type {number} */ wanted) => film?.goTo(wanted);
    return html`
      <div class="viewer">
        ${this.#renderFacts(version)}
        <div class="stage" @click=${() => film && this.#do("toggle")}>
          <video id="full" playsinline .muted=${this.muted} aria-hidden="true"></video>
          <video id="step" class="top" playsinline muted .muted=${true} aria-hidden="true"></video>
          ${film instanceof SoundAlone ? html`<rk-wave .peaks=${this.playback?.peaks ?? null} .seconds=${((film.frame + 0.5) * rate.d) / rate.n}></rk-wave>` : nothing}
          ${this.#renderOver(version)}
        </div>
        ${film ? this.#renderControls(film, rate, start) : nothing}
      </div>
      <rk-comments .comments=${comments} .frame=${frame} .rate=${rate} .start=${start} .userId=${this.me?.user.id ?? ""}
        .mayComment=${MAY_COMMENT.includes(this.#role) && Boolean(film)} .problem=${this.commentProblem}
        @choose=${(/** @type {CustomEvent} */ event) => goTo(event.detail.frame)} @writing=${() => film && isMoving(film) && film.pause()}
        @send=${this.#sendComment} @delete=${this.#deleteComment}></rk-comments>
      <rk-keys></rk-keys>
    `;
  }

  /**
   * @param {import("../player/moves.js").Film} film
   * @param {import("../timecode.js").Rate} rate
   * @param {import("../timecode.js").StartTimecode | null} start
   */
  #renderControls(film, rate, start) {
    const { tiles = null, peaks = null, session = null } = this.playback ?? {};
    const silent = !session?.renditions.some((rendition) => rendition.kind === "audio");
    return html`
      <rk-timeline .frame=${film.frame} .frames=${film.frames} .published=${film.published} .rate=${rate} .start=${start} .range=${this.range}
        .looping=${this.looping} .comments=${this.record.comments} .tiles=${tiles} .peaks=${peaks}
        @seek=${(/** @type {CustomEvent} */ event) => film.goTo(event.detail)} @comment=${(/** @type {CustomEvent} */ event) => film.goTo(event.detail.frame)}></rk-timeline>
      <rk-transport .frame=${film.frame} .frames=${film.frames} .rate=${rate} .start=${start} .state=${film.state} .speed=${film.speed}
        .muted=${this.muted} .looping=${this.looping} .silent=${silent} .quality=${film.height ? `${film.height}p` : ""}
        @action=${(/** @type {CustomEvent} */ event) => this.#do(event.detail)} @go-to=${(/** @type {CustomEvent} */ event) => film.goTo(event.detail)}></rk-transport>
    `;
  }

  /** @param {Version | null} version */
  #renderFacts(version) {
    const { asset } = this.record;
    const versions = asset?.versions ?? [];
    const mayUpload = MAY_UPLOAD.includes(this.#role);
    return html`<div class="facts">
        <h1 title=${asset?.name ?? ""}>${asset?.name ?? ""}</h1>
        ${versions.length > 1
          ? html`<select aria-label="Version" @change=${this.#pickVersion}>${versions.map((each) => html`<option value=${each.number} ?selected=${each.id === version?.id}>Version ${each.number}</option>`)}</select>`
          : nothing}
        <span class="state" role="status">${version && version.state !== "ready" ? stateText(version) : ""}</span>
        ${version && mayUpload && mayStop(version) ? html`<button id="stop" @click=${() => this.#tell("cancel")}>Stop processing</button>` : nothing}
        ${version && mayUpload && mayAgain(version) ? html`<button id="again" @click=${() => this.#tell("retry")}>Process it again</button>` : nothing}
        ${version?.stored_at && mayUpload ? html`<button class="plain icon" aria-label="Download the original" title="Download the original" @click=${this.#download}>${icons.download}</button>` : nothing}
      </div>
      <div class="notice bad" role="alert">${this.notice}</div>`;
  }

  /** @param {Version | null} version */
  #renderOver(version) {
    if (this.problem) {
      const { message, advice } = words(this.problem);
      return html`<div class="over light" role="alert" @click=${this.#keepClick}>
        <div class="say"><h2>${message}</h2><p class="quiet">${advice}</p><button @click=${this.#again}>Open it again</button></div>
      </div>`;
    }
    if (this.record.asset && !version) return html`<div class="over"><p>There is no such version.</p></div>`;
    if (!version) return nothing;
    if (!isOpen(version)) {
      const waiting = "The picture appears here as soon as the first of it is made.";
      const stopped = "Nothing more of it is made. The original is stored as it is.";
      const what = version.problem ? sentence(version.problem) : (version.state === "cancelled" ? stopped : waiting);
      return html`<div class="over"><div class="say"><h2>${stateText(version)}</h2><p class="quiet">${what} ${sentence(version.advice ?? "")}</p></div></div>`;
    }
    if (!canDecrypt()) return html`<div class="over" @click=${this.#keepClick}><rk-no-keys></rk-no-keys></div>`;
    return nothing;
  }

  /** @param {Event} event */
  #keepClick(event) {
    event.stopPropagation();
  }

  #again() {
    this.problem = null;
    this.startFrame = this.playback?.pair?.frame ?? this.startFrame;
    if (this.record.asset) this.#openPlayer();
    else this.record.open(this.assetId, this.versionNumber);
  }
}
customElements.define("rk-asset", RkAsset);
