/** The player's page: one asset, one of its versions, its picture, its sound, its comments. */

import { LitElement, html, nothing } from "../lit.js";
import { get } from "../api.js";
import { icons } from "../icons.js";
import { go } from "../router.js";
import { sentence, words, wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";
import { PLAIN } from "../counting.js";
import { isOpen, lightText, mayAgain, mayStop, sequenceText, stateText } from "../version-words.js";
import { Commenting } from "../player/commenting.js";
import { Habits } from "../player/habits.js";
import { actionFor } from "../player/keys.js";
import { isMoving, move } from "../player/moves.js";
import { Playback } from "../player/playback.js";
import { WHOLE, loopOf, marked } from "../player/range.js";
import { canDecrypt } from "../player/rk-no-keys.js";
import { SoundAlone } from "../player/sound-alone.js";
import { versionQuestions } from "../player/version-questions.js";
import { View } from "../player/view.js";
import "../player/rk-comments.js";
import "../player/rk-facts.js";
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

const STORAGE_AWAY = "The storage does not answer. What is loaded plays on; the page goes on by itself.";
const MAY_COMMENT = ["production_admin", "uploader", "reviewer"];
const MAY_UPLOAD = ["production_admin", "uploader"];
/** Where each key looks at 1:1: right and down. @type {{[action: string]: [number, number]}} */
const LOOKS = { panUp: [0, -1], panLeft: [-1, 0], panDown: [0, 1], panRight: [1, 0] };

export class RkAsset extends LitElement {
  static properties = {
    me: {},
    assetId: {},
    versionNumber: {},
    startFrame: {},
    problem: { state: true },
    notice: { state: true },
    range: { state: true },
    looping: { state: true },
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
    this.record.addEventListener("stopped", () => this.#empty());
    this.record.addEventListener("resumed", () => this.#onResumed());
    /** The player's end, while what it showed is being taken away. */
    this.emptying = Promise.resolve();
    /** What went wrong with the picture. @type {unknown} */
    this.problem = null;
    this.commenting = new Commenting(this.record);
    this.commenting.addEventListener("change", () => this.requestUpdate());
    this.habits = new Habits();
    this.habits.addEventListener("change", (event) => this.#onHabit(/** @type {CustomEvent} */ (event).detail));
    /** How often the habits have changed. */
    this.habitsRevision = 0;
    this.view = new View();
    this.view.addEventListener("change", () => this.requestUpdate());
    this.counting = PLAIN;
    this.notice = "";
    this.range = WHOLE;
    this.looping = false;
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
    this.view.close();
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
    const stage = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(".stage"));
    if (stage) this.view.attach(stage);
    this.view.show(this.playback?.picture ?? null);
    this.playback?.show(this.view.actual);
    this.dataset.frame = String(pair?.frame ?? "");
    this.dataset.paintedFrame = String(pair?.painted ?? "");
    this.dataset.playerState = pair?.state ?? "none";
    this.dataset.lane = pair ? (pair.onFull ? "full" : "step") : "";
    this.dataset.frames = String(pair?.frames ?? "");
    this.dataset.published = String(pair?.published ?? "");
    const { width_px: width, height_px: height } = this.record.version ?? {};
    if (width && height) this.style.setProperty("--aspect", `${width} / ${height}`);
  }

  /** @param {string} name  of what changed */
  #onHabit(name) {
    const { pair = null, videos } = this.playback ?? {};
    if (videos) videos.full.volume = this.habits.volume;
    if (name === "speed") pair?.pace(this.habits.speed);
    if (name === "lines") this.playback?.hold();
    if (name === "sound") this.playback?.hear();
    this.habitsRevision += 1;
    this.requestUpdate();
  }

  /** How places are said; the same object while nothing of it changes. */
  #countingNow() {
    const { session } = this.playback ?? {};
    const timecode = session?.start_timecode ?? null;
    /** @type {import("../counting.js").Counting} */
    const now = {
      rate: session ? { n: session.rate[0], d: session.rate[1] } : PLAIN.rate,
      start: timecode && { frame: timecode.frame, dropFrame: timecode.drop_frame },
      first: this.record.version?.sequence?.first_number ?? this.record.production?.first_frame ?? 0,
      shown: this.habits.shown,
    };
    if (JSON.stringify(now) !== JSON.stringify(this.counting)) this.counting = now;
    return this.counting;
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
    else if (this.playback) this.#empty(); // stopped, failed, or made anew
  }

  #onResumed() {
    this.problem = null;
    this.#openPlayer();
  }

  /** Take what is shown off the screen and out of the player, with its keys; where the person was is kept. */
  #empty() {
    const { playback } = this;
    this.startFrame = playback?.pair?.frame ?? this.startFrame;
    this.playback = null;
    this.problem = null;
    this.notice = "";
    this.requestUpdate();
    this.emptying = this.emptying.then(async () => {
      await playback?.close();
      for (const video of this.#videos()) {
        video.removeAttribute("src");
        video.load(); // W3C HTML, media elements: without a source this lets go of what was fetched
      }
    });
  }

  #videos() {
    return /** @type {NodeListOf<HTMLVideoElement>} */ (this.renderRoot.querySelectorAll("video"));
  }

  async #openPlayer() {
    const { version } = this.record;
    await this.playback?.close();
    this.playback = null;
    this.requestUpdate();
    await this.emptying;
    if (!version || !isOpen(version) || !canDecrypt() || this.record.stopped) return;
    await this.updateComplete;
    const [full, step] = this.#videos();
    if (!step || !full || this.record.version?.id !== version.id || this.playback || this.record.stopped) return;
    const playback = new Playback(version, step, full, this.habits);
    this.playback = playback;
    full.volume = this.habits.volume;
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
    if (event.key.startsWith("Arrow") && event.composedPath().some((each) => each instanceof HTMLElement && each.localName === "rk-comments") && !/Left|Right/.test(event.key)) return;
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
    if (move(film, action, this.habits.speed) || this.habits.do(action, film.heights, this.playback?.sounds ?? [], this.playback?.sound ?? null)) return undefined;
    if (action in LOOKS) return this.view.look(...LOOKS[action]);
    switch (action) {
      case "comment":
        return this.#beginComment(film);
      case "previousComment":
      case "nextComment":
        return this.#choose(film, this.commenting.next(film.frame, action === "nextComment" ? 1 : -1));
      case "goTo":
        return /** @type {any} */ (this.renderRoot.querySelector("rk-transport"))?.editTimecode();
      case "zoom":
        return this.view.set(!this.view.actual);
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

  /** @param {import("../player/moves.js").Film} film */
  async #beginComment(film) {
    if (isMoving(film)) film.pause();
    if (document.fullscreenElement) await document.exitFullscreen(); // the comments stand beside the picture
    /** @type {any} */ (this.renderRoot.querySelector("rk-comments"))?.write();
  }

  /**
   * Go to a comment's first frame and take over its range.
   * @param {import("../player/moves.js").Film | null | undefined} film
   * @param {Comment | undefined} comment
   */
  #choose(film, comment) {
    if (!film || !comment) return;
    this.range = this.commenting.rangeAfter(comment, this.range);
    film.loop = this.looping ? loopOf(this.range, film.frames) : null;
    film.goTo(comment.frame);
  }

  /** @param {CustomEvent<{frame: number, last_frame: number | null, text: string}>} event */
  async #sendComment(event) {
    const panel = /** @type {any} */ (event.target);
    panel.sent(await this.commenting.did(this.record.comment(event.detail)));
  }

  /** @param {CustomEvent<{comment: Comment, text: string}>} event */
  async #editComment(event) {
    const panel = /** @type {any} */ (event.target);
    if (await this.commenting.did(this.record.changeComment(event.detail.comment, event.detail.text))) panel.edited();
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
    const { version } = this.record;
    const film = this.playback?.pair;
    const counting = this.#countingNow();
    const { rate } = counting;
    return html`
      <div class="viewer">
        ${this.#renderFacts(version)}
        <div class="stage" @click=${() => film && this.#do("toggle")}>
          <video id="full" playsinline .muted=${this.habits.muted} aria-hidden="true"></video>
          <video id="step" class="top" playsinline muted .muted=${true} aria-hidden="true"></video>
          ${film instanceof SoundAlone ? html`<rk-wave .peaks=${this.playback?.peaks ?? null} .seconds=${((film.frame + 0.5) * rate.d) / rate.n}></rk-wave>` : nothing}
          ${this.#renderOver(version)}
        </div>
        ${film ? this.#renderControls(film, counting) : nothing}
      </div>
      ${this.#renderComments(film, counting)}
      <rk-keys></rk-keys>
    `;
  }

  /**
   * @param {import("../player/moves.js").Film | null | undefined} film
   * @param {import("../counting.js").Counting} counting
   */
  #renderComments(film, counting) {
    const { commenting, record } = this;
    return html`<rk-comments .comments=${record.comments} .filter=${commenting.filter} .frame=${film?.frame ?? 0} .range=${this.range} .counting=${counting}
      .userId=${this.me?.user.id ?? ""} .mayComment=${MAY_COMMENT.includes(this.#role) && Boolean(film)} .mayDeleteAll=${this.#role === "production_admin"}
      .problem=${commenting.problem} @choose=${(/** @type {CustomEvent} */ event) => this.#choose(film, event.detail)}
      @writing=${() => film && isMoving(film) && film.pause()} @one-frame=${() => this.#do("clearMarks")}
      @filter=${(/** @type {CustomEvent} */ event) => commenting.show(event.detail)} @send=${this.#sendComment} @edit=${this.#editComment}
      @resolve=${(/** @type {CustomEvent} */ event) => commenting.did(record.tellComment(event.detail, "resolve"))}
      @reopen=${(/** @type {CustomEvent} */ event) => commenting.did(record.tellComment(event.detail, "reopen"))}
      @delete=${(/** @type {CustomEvent} */ event) => commenting.did(record.removeComment(event.detail))}></rk-comments>`;
  }

  /**
   * @param {import("../player/moves.js").Film} film
   * @param {import("../counting.js").Counting} counting
   */
  #renderControls(film, counting) {
    const { tiles = null, peaks = null, session = null } = this.playback ?? {};
    const silent = !session?.renditions.some((rendition) => rendition.kind === "audio");
    return html`
      <rk-timeline .frame=${film.frame} .frames=${film.frames} .published=${film.published} .counting=${counting} .range=${this.range}
        .looping=${this.looping} .comments=${this.commenting.listed} .tiles=${tiles} .peaks=${peaks}
        @seek=${(/** @type {CustomEvent} */ event) => film.goTo(event.detail)} @comment=${(/** @type {CustomEvent} */ event) => this.#choose(film, event.detail)}></rk-timeline>
      <rk-transport .frame=${film.frame} .frames=${film.frames} .counting=${counting} .state=${film.state} .speed=${film.speed}
        .habits=${this.habits} .revision=${this.habitsRevision} .heights=${film.heights} .actual=${this.view.actual} .pictured=${!(film instanceof SoundAlone)}
        .looping=${this.looping} .silent=${silent} .sounds=${this.playback?.sounds ?? []} .sound=${this.playback?.sound ?? null} .quality=${film.height ? `${film.height}p` : ""} @size=${(/** @type {CustomEvent} */ event) => this.view.set(event.detail)}
        @action=${(/** @type {CustomEvent} */ event) => this.#do(event.detail)} @go-to=${(/** @type {CustomEvent} */ event) => film.goTo(event.detail)}></rk-transport>
    `;
  }

  /** @param {Version | null} version */
  #renderFacts(version) {
    const { asset } = this.record;
    const versions = asset?.versions ?? [];
    const mayUpload = MAY_UPLOAD.includes(this.#role);
    const shown = lightText(this.playback?.session?.light, this.playback?.session?.lut);
    return html`<div class="facts">
        <h1 ?hidden=${!asset} title=${asset?.name ?? ""}>${asset?.name ?? ""}</h1>
        ${versions.length > 1
          ? html`<select aria-label="Version" @change=${this.#pickVersion}>${versions.map((each) => html`<option value=${each.number} ?selected=${each.id === version?.id}>Version ${each.number}</option>`)}</select>`
          : nothing}
        ${shown ? html`<span class="light">${shown}</span>` : nothing}
        <span class="state" role="status">${version && version.state !== "ready" ? stateText(version) : ""}</span>
        ${version?.sequence ? html`<span class="quiet sequence" title=${sequenceText(version)}>${sequenceText(version)}</span>` : nothing}
        ${version && mayUpload && mayStop(version) ? html`<button id="stop" @click=${() => this.#tell("cancel")}>Stop processing</button>` : nothing}
        ${version && mayUpload && mayAgain(version) ? html`<button id="again" @click=${() => this.#tell("retry")}>Process it again</button>` : nothing}
        <span class="tools">
          ${version?.stored_at ? html`<rk-facts .version=${version}></rk-facts>` : nothing}
          ${version?.stored_at && mayUpload ? html`<button class="plain icon" aria-label="Download the original" title="Download the original" @click=${this.#download}>${icons.download}</button>` : nothing}
          ${version && this.#role === "production_admin" ? versionQuestions(version, asset?.name ?? "") : nothing}
        </span>
      </div>
      <div class="notice bad" role="alert">${this.notice || (this.record.away ? STORAGE_AWAY : "")}</div>`;
  }

  /** @param {Version | null} version */
  #renderOver(version) {
    const { stopped } = this.record;
    if (stopped) {
      return html`<div class="over stopped" role="alert" @click=${this.#keepClick}>
        <div class="say"><h2>${sentence(stopped.message)}</h2><p class="quiet">${sentence(stopped.advice)}</p></div>
      </div>`;
    }
    if (this.problem) {
      const { message, advice } = words(this.problem);
      return html`<div class="over light" role="alert" @click=${this.#keepClick}>
        <div class="say"><h2>${message}</h2><p class="quiet">${advice}</p><button @click=${this.#again}>Open it again</button></div>
      </div>`;
    }
    if (this.record.deleted && !version) {
      return html`<div class="over"><div class="say"><h2>This was deleted</h2><p class="quiet">Until its original is purged, an admin can bring it back from the production's page.</p></div></div>`;
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
