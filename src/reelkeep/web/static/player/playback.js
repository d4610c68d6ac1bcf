/** One sitting in front of one version: its playback session, its picture pair, and how far it has been published. */

import { PicturePair } from "./picture-pair.js";
import { readPeaks } from "./peaks.js";
import { httpStatus, sessionEnded } from "./shaka.js";
import { SoundAlone, framesOfSound } from "./sound-alone.js";
import { soundsOf, wantedSound } from "./sounds.js";
import { readTiles } from "./tiles.js";
import { Watching } from "./watching.js";

/** The larger rungs lag a little behind the step rung; before this many frames the small picture alone is opened. */
const FULL_FROM_FRAMES = 96;
/** With the segment of two seconds that may go beyond it: no more than ten seconds play on if the server falls silent. */
const BUFFER_SECONDS = 8;
/** A rung whose shorter edge is longer comes by itself only to a stage that has room for more than those below it. */
const ANY_STAGE_EDGE_PX = 1080;

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
   * @param {import("./habits.js").Habits} habits
   */
  constructor(version, stepVideo, fullVideo, habits) {
    super();
    this.version = version;
    this.videos = { step: stepVideo, full: fullVideo };
    this.habits = habits;
    this.watching = new Watching(version.id);
    this.watching.addEventListener("renewed", () => this.#renewed());
    /** @type {PicturePair | SoundAlone | null} */
    this.pair = null;
    /** @type {import("./tiles.js").Tiles | null} */
    this.tiles = null;
    /** @type {import("./peaks.js").Peaks | null} */
    this.peaks = null;
    /** That can be chosen among. @type {import("./sounds.js").SoundTrack[]} */
    this.sounds = [];
    /** True at 1:1. */
    this.actual = false;
    this.fullAsked = false;
    this.reopening = false;
    this.closed = false;
    this.lastReopening = 0;
    this.resizer = new ResizeObserver(() => this.hold());
    this.resizer.observe(fullVideo);
  }

  /** @returns {Session | null} */
  get session() {
    return this.watching.session;
  }

  /**
   * Open the version at a frame.
   * @param {number} frame
   * @throws {import("../api.js").ApiError}
   */
  async open(frame) {
    const session = await this.watching.begin();
    if (this.closed) return;
    const rate = { n: session.rate[0], d: session.rate[1] };
    const onProblem = (/** @type {any} */ error) => this.#problem(error);
    const pair = this.#rungs().length
      ? new PicturePair(this.videos.step, this.videos.full, rate, this.watching, onProblem)
      : new SoundAlone(this.videos.full, rate, this.watching, onProblem);
    pair.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    this.pair = pair;
    this.sounds = soundsOf(session.renditions);
    this.fullAsked = false;
    this.#setLength();
    this.tiles = readTiles(session.tiles, session.base);
    this.#loadPeaks();
    if (pair instanceof SoundAlone) {
      await pair.open(this.#manifest(), frame);
      return this.hear();
    }
    await pair.openStep(this.#manifest(), frame, this.#stepConfig());
    await this.#openFullIfDue();
  }

  #renewed() {
    this.tiles = readTiles(this.session?.tiles, this.session?.base ?? "");
    this.dispatchEvent(new Event("change"));
  }

  #manifest() {
    return `${this.session?.base}/${this.session?.manifest}`;
  }

  #rungs() {
    return (this.session?.renditions ?? []).filter((rendition) => rendition.kind === "video");
  }

  /** Pixels of the largest picture, or null of sound alone. */
  get picture() {
    const largest = this.#rungs().toSorted((one, two) => (two.height_px ?? 0) - (one.height_px ?? 0))[0];
    return largest?.width_px && largest.height_px ? { width: largest.width_px, height: largest.height_px } : null;
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
      abr: { enabled: true, defaultBandwidthEstimate: 25_000_000, restrictions: { maxPixels: this.#roomPixels() } },
      streaming: { bufferingGoal: BUFFER_SECONDS, bufferBehind: 24, rebufferingGoal: 0.3 },
      ...(larger && height ? { restrictions: { minHeight: height + 1 } } : {}),
    };
  }

  get #complete() {
    return this.version.state === "ready";
  }

  async #openFullIfDue() {
    const published = this.version.published_frames ?? 0;
    const planned = this.version.planned_frames ?? this.session?.planned_frames ?? Infinity;
    if (this.fullAsked || !(this.pair instanceof PicturePair) || !this.pair.step.loaded) return;
    if (!this.#complete && published < Math.min(FULL_FROM_FRAMES, planned)) return;
    this.fullAsked = true;
    await this.pair.openFull(this.#manifest(), this.#fullConfig());
    this.hold();
    this.hear();
  }

  /** @param {boolean} actual  true at 1:1, which is 1:1 of the largest picture */
  show(actual) {
    if (actual === this.actual) return;
    this.actual = actual;
    this.hold();
  }

  /** Hold the full picture to the height that this person wants, or else to what the network and the stage have room for. */
  hold() {
    const lines = this.habits.lines ?? (this.actual ? (this.picture?.height ?? null) : null);
    this.pair?.hold(lines, this.#roomPixels());
  }

  /** How many pixels a rung may have to be chosen without being asked for. */
  #roomPixels() {
    const { clientWidth, clientHeight } = this.videos.full;
    const rungs = this.#rungs().map(({ width_px: width, height_px: height }) => ({ width: width ?? 0, height: height ?? 0 }));
    const common = rungs.filter(({ width, height }) => Math.min(width, height) <= ANY_STAGE_EDGE_PX);
    const most = common.toSorted((one, two) => two.width - one.width)[0];
    const fits = most && clientWidth * devicePixelRatio <= most.width && clientHeight * devicePixelRatio <= most.height;
    return fits ? most.width * most.height : Infinity;
  }

  /** The one that is played. */
  get sound() {
    return wantedSound(this.sounds, this.habits.sound);
  }

  /** Play the sound track that this person wants. */
  hear() {
    this.pair?.hear(this.sound?.label ?? null);
  }

  #setLength() {
    const { version, session, pair } = this;
    if (pair instanceof SoundAlone) {
      const frames = framesOfSound(session?.renditions[0]?.published_samples ?? 0, pair.rate);
      return pair.grow(frames, frames);
    }
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
    const wasComplete = this.#complete;
    this.version = version;
    this.#setLength();
    this.dispatchEvent(new Event("change"));
    const isNews = !wasComplete && this.#complete;
    if (isNews && this.session?.planned_frames !== this.pair?.frames) return this.#reopen();
    if (isNews) this.#readStills();
    return this.#openFullIfDue().catch((error) => this.#problem(error));
  }

  /** The tile sheets and the waveform grow with the proxy and are whole when it is. */
  async #readStills() {
    await this.watching.renew();
    this.#loadPeaks();
  }

  async #loadPeaks() {
    if (!this.session) return;
    const response = await fetch(`${this.session.base}/peaks.json`).catch(() => null);
    this.peaks = response?.ok ? readPeaks(await response.json().catch(() => null)) : null;
    this.dispatchEvent(new Event("change"));
  }

  /** Open again at the same frame and go on: the real length differs from the planned one, or the player gave up. */
  async #reopen() {
    if (this.reopening || this.closed) return;
    this.reopening = true;
    const before = this.pair;
    const { state = "paused", speed = 1, loop = null } = before ?? {};
    try {
      await before?.close();
      const frame = before?.frame ?? 0;
      await this.open(frame);
      if (this.pair) this.pair.loop = loop;
      if (before && before.frame !== frame) this.pair?.goTo(before.frame); // a key that was pressed meanwhile
      if (state === "playing" || state === "waiting") this.pair?.play(speed);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { detail: error }));
    } finally {
      this.reopening = false;
    }
  }

  /** @param {any} error */
  #problem(error) {
    if (this.closed || error?.code === 7000) return; // 7000: a load was interrupted by the next one
    if (sessionEnded(httpStatus(error)) && Date.now() - this.lastReopening > 10_000) {
      this.lastReopening = Date.now();
      this.#reopen();
      return;
    }
    if (error?.severity === 1) return; // recoverable: Shaka goes on by itself
    this.dispatchEvent(new CustomEvent("problem", { detail: playerWords(error) }));
  }

  async close() {
    this.closed = true;
    this.resizer.disconnect();
    this.watching.close();
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
