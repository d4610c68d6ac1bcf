/** One sitting in front of one version: its playback session, its picture pair, and how far it has been published. */

import { post } from "../api.js";
import { PicturePair } from "./picture-pair.js";
import { httpStatus } from "./shaka.js";
import { readPeaks } from "./peaks.js";
import { readTiles } from "./tiles.js";

/** The larger rungs lag a little behind the step rung; before this many frames the small picture alone is opened. */
const FULL_FROM_FRAMES = 96;
/** Statuses that say the playback session has ended. */
const SESSION_ENDED = [401, 403, 404, 410];

/**
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Playback} Session
 */

/** Fires "change" (frame, picture, state, length) and "problem" (detail: words). */
export class Playback extends EventTarget {
  /**
   * @param {Version} version
   * @param {HTMLVideoElement} stepVideo
   * @param {HTMLVideoElement} fullVideo
   */
  constructor(version, stepVideo, fullVideo) {
    super();
    this.version = version;
    this.videos = { step: stepVideo, full: fullVideo };
    /** @type {Session | null} */
    this.session = null;
    /** @type {PicturePair | null} */
    this.pair = null;
    /** @type {import("./tiles.js").Tiles | null} */
    this.tiles = null;
    /** @type {import("./peaks.js").Peaks | null} */
    this.peaks = null;
    this.fullAsked = false;
    this.renewing = false;
    this.closed = false;
    this.lastRenewal = 0;
  }

  /**
   * Open the version at a frame.
   * @param {number} frame
   * @throws {import("../api.js").ApiError}
   */
  async open(frame) {
    const session = /** @type {Session} */ (await post(`/versions/${this.version.id}/playback-sessions`));
    if (this.closed) return;
    this.session = session;
    const rate = { n: session.rate[0], d: session.rate[1] };
    const pair = new PicturePair(this.videos.step, this.videos.full, rate, (error) => this.#problem(error));
    pair.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    this.pair = pair;
    this.fullAsked = false;
    this.#setLength();
    this.tiles = readTiles(session.tiles, session.base);
    this.#loadPeaks();
    await pair.openStep(this.#manifest(), frame, this.#stepConfig());
    await this.#openFullIfDue();
  }

  #manifest() {
    return `${this.session?.base}/${this.session?.manifest}`;
  }

  #rungs() {
    return (this.session?.renditions ?? []).filter((rendition) => rendition.kind === "video");
  }

  #stepHeight() {
    const rungs = this.#rungs();
    const step = rungs.find((rung) => rung.is_step) ?? rungs[0];
    return step?.height_px ?? null;
  }

  #stepConfig() {
    const height = this.#stepHeight();
    return {
      abr: { enabled: false },
      manifest: { disableAudio: true },
      streaming: { bufferingGoal: 6, bufferBehind: 40, rebufferingGoal: 0.05 },
      ...(height ? { restrictions: { maxHeight: height } } : {}),
    };
  }

  #fullConfig() {
    const height = this.#stepHeight();
    const larger = this.#rungs().some((rung) => height && (rung.height_px ?? 0) > height);
    return {
      abr: { enabled: true, defaultBandwidthEstimate: 25_000_000 },
      streaming: { bufferingGoal: 12, bufferBehind: 24, rebufferingGoal: 0.3 },
      ...(larger && height ? { restrictions: { minHeight: height + 1 } } : {}),
    };
  }

  get #complete() {
    return this.version.state === "ready";
  }

  async #openFullIfDue() {
    const published = this.version.published_frames ?? 0;
    const planned = this.version.planned_frames ?? this.session?.planned_frames ?? Infinity;
    if (this.fullAsked || !this.pair?.step.loaded) return;
    if (!this.#complete && published < Math.min(FULL_FROM_FRAMES, planned)) return;
    this.fullAsked = true;
    await this.pair.openFull(this.#manifest(), this.#fullConfig());
  }

  #setLength() {
    const { version, session, pair } = this;
    const planned = session?.planned_frames ?? version.planned_frames ?? 1;
    const frames = (this.#complete ? (version.frames ?? session?.frames) : null) ?? planned;
    const published = this.#complete ? frames : Math.max(1, version.published_frames ?? 1);
    pair?.grow(published, frames);
  }

  /**
   * Take in a newer record of the same version.
   * @param {Version} version
   */
  update(version) {
    const before = this.pair?.frames ?? 0;
    const wasComplete = this.#complete;
    this.version = version;
    this.#setLength();
    this.dispatchEvent(new Event("change"));
    if (!wasComplete && this.#complete && (this.session?.planned_frames ?? before) !== this.pair?.frames) return this.#renew();
    if (!wasComplete && this.#complete) this.#readStills();
    return this.#openFullIfDue().catch((error) => this.#problem(error));
  }

  /** The tile sheets and the waveform grow with the proxy and are whole when it is. */
  async #readStills() {
    this.#loadPeaks();
    const fresh = await post(`/versions/${this.version.id}/playback-sessions`).catch(() => null);
    if (fresh && this.session) this.tiles = readTiles(fresh.tiles, fresh.base);
    this.dispatchEvent(new Event("change"));
  }

  async #loadPeaks() {
    if (!this.session) return;
    const response = await fetch(`${this.session.base}/peaks.json`).catch(() => null);
    this.peaks = response?.ok ? readPeaks(await response.json().catch(() => null)) : null;
    this.dispatchEvent(new Event("change"));
  }

  /** Begin a new session at the same frame: the old one ended, or the real length differs from the planned one. */
  async #renew() {
    if (this.renewing || this.closed) return;
    this.renewing = true;
    try {
      const frame = this.pair?.frame ?? 0;
      await this.pair?.close();
      await this.open(frame);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { detail: error }));
    } finally {
      this.renewing = false;
    }
  }

  /** @param {any} error */
  #problem(error) {
    if (this.closed || error?.code === 7000) return; // 7000: a load was interrupted by the next one
    const status = httpStatus(error);
    const ended = status !== null && SESSION_ENDED.includes(status);
    if (ended && Date.now() - this.lastRenewal > 10_000) {
      this.lastRenewal = Date.now();
      this.#renew();
      return;
    }
    if (error?.severity === 1) return; // recoverable: Shaka goes on by itself
    this.dispatchEvent(new CustomEvent("problem", { detail: playerWords(error) }));
  }

  async close() {
    this.closed = true;
    await this.pair?.close();
  }
}

/**
 * @param {any} error  Shaka's, or anything else that was thrown
 * @returns {Error}
 */
function playerWords(error) {
  const number = error?.code;
  if (!number) return error instanceof Error ? error : new Error(String(error));
  if (number >= 6000 && number < 7000) return new Error(`The picture's key was refused or cannot be used here (player code ${number}).`);
  if (number >= 1000 && number < 2000) return new Error(`The picture does not arrive from the server (player code ${number}).`);
  return new Error(`The player stopped (code ${number}).`);
}
