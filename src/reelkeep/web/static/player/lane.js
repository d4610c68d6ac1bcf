/** One video element with one Shaka player on it, moved by whole frames. */

import { frameAt, seekSeconds } from "../frame-clock.js";
import { attachPlayer, hear } from "./shaka.js";

/** How long a finished seek may stay unpainted, and how often it is repeated: a tab in the background paints nothing. */
const NUDGE_AFTER_MS = 90;
const MOST_NUDGES = 8;
/** So many looks at a seek that has no data yet, then it is asked for again: now and then the player loses one. */
const PATIENT_LOOKS = 40;

export class Lane {
  /**
   * @param {HTMLVideoElement} video
   * @param {import("../timecode.js").Rate} rate
   * @param {import("./watching.js").Watching} watching
   * @param {{onPaint: (lane: Lane, frame: number) => void, onEnd: (lane: Lane) => void, onProblem: (lane: Lane, error: any) => void}} hooks
   */
  constructor(video, rate, watching, hooks) {
    this.video = video;
    this.rate = rate;
    this.watching = watching;
    this.hooks = hooks;
    /** The frame that this lane has on the screen, as the compositor said. @type {number | null} */
    this.showing = null;
    /** The frame that a seek is on its way to. @type {number | null} */
    this.wanted = null;
    /** @type {shaka.Player | null} */
    this.player = null;
    /** Lines of every picture that may be shown, fewest first. @type {number[]} */
    this.heights = [];
    this.loaded = false;
    this.closed = false;
    this.ending = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /**
   * Open a manifest at a frame.
   * @param {string} uri
   * @param {number} frame
   * @param {object} config  Shaka's own
   */
  async load(uri, frame, config) {
    if (this.closed) return;
    this.player ??= await this.#attach();
    if (this.closed) return void this.player.destroy();
    this.player.configure({ streaming: { durationBackoff: 0.5 * (this.rate.d / this.rate.n) } });
    this.player.configure(config);
    this.wanted = frame;
    await this.player.load(uri, seekSeconds(frame, this.rate));
    const heights = this.player.getVariantTracks().flatMap((track) => track.height ?? []);
    this.heights = [...new Set(heights)].sort((one, two) => one - two);
    this.loaded = true;
    if (this.wanted === frame) this.#insist(frame, seekSeconds(frame, this.rate), 0);
  }

  async #attach() {
    const player = await attachPlayer(this.video, this.watching, (error) => this.hooks.onProblem(this, error));
    this.video.addEventListener("ended", () => this.hooks.onEnd(this), { signal: this.ending.signal });
    this.#watch();
    return player;
  }

  #watch() {
    this.video.requestVideoFrameCallback((_now, picture) => {
      if (this.closed) return;
      this.#watch();
      this.#painted(frameAt(picture.mediaTime, this.rate));
    });
  }

  /** @param {number} frame */
  #painted(frame) {
    this.showing = frame;
    if (this.wanted === frame) {
      this.wanted = null;
      clearTimeout(this.timer);
    }
    this.hooks.onPaint(this, frame);
  }

  /**
   * Seek to a frame; `hooks.onPaint` tells when it is on the screen.
   * @param {number} frame
   */
  seek(frame) {
    if (this.closed) return;
    this.wanted = frame;
    this.video.currentTime = seekSeconds(frame, this.rate);
    this.#insist(frame, seekSeconds(frame, this.rate), 0);
  }

  /**
   * Now and then a browser paints a seek without saying so: seek again within the same frame, and it is said.
   * @param {number} frame
   * @param {number} seconds
   * @param {number} nudges  how often that has been done
   * @param {number} looks  how often the seek was found without data
   */
  #insist(frame, seconds, nudges, looks = 0) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.wanted !== frame || this.closed) return;
      if (!this.video.seeking && nudges === MOST_NUDGES) this.#painted(frameAt(this.video.currentTime, this.rate));
      else if (!this.video.seeking) {
        this.video.currentTime = seconds + (nudges % 2 === 0 ? -0.1 : 0.1) * (this.rate.d / this.rate.n);
        this.#insist(frame, seconds, nudges + 1);
      } else {
        if (looks % PATIENT_LOOKS === PATIENT_LOOKS - 1) this.video.currentTime = seconds;
        this.#insist(frame, seconds, nudges, looks + 1);
      }
    }, NUDGE_AFTER_MS);
  }

  /**
   * True while a seek to this frame has no data yet. Another one would not bring it sooner, and one right after a load
   * was seen to leave the player without any.
   * @param {number} frame
   */
  isOnItsWayTo(frame) {
    return this.wanted === frame && this.video.seeking;
  }

  /** True while a seek has not yet been painted. */
  get busy() {
    return this.wanted !== null;
  }

  /** Lines of the picture being shown, or null. */
  get height() {
    return this.video.videoHeight || null;
  }

  /**
   * Hold the picture to a height, or let the network decide again. What is buffered at another height is dropped.
   * @param {number | null} lines
   * @param {number} mostPixels  that the network alone may decide for
   */
  hold(lines, mostPixels) {
    const tracks = this.player?.getVariantTracks() ?? [];
    const sound = tracks.find((each) => each.active)?.originalAudioId ?? null;
    const track = tracks.find((each) => each.height === lines && each.originalAudioId === sound) ?? null;
    this.player?.configure({ abr: { enabled: track === null, restrictions: { maxPixels: mostPixels } } });
    if (track && !track.active) this.player?.selectVariantTrack(track, true);
  }

  /**
   * Play a sound track from now on.
   * @param {string | null} label  as the manifest has it; null for the only one there is
   */
  hear(label) {
    hear(this.player, label);
  }

  async close() {
    this.closed = true;
    this.ending.abort();
    clearTimeout(this.timer);
    await this.player?.destroy();
  }
}
