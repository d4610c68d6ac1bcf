/** A film without pictures: the sound on the same frame clock, with the same moves as the picture pair. */

import { clampFrame, frameAt, seekSeconds } from "../frame-clock.js";
import { attachPlayer, hear } from "./shaka.js";

/** How often a backward play moves; nothing is heard meanwhile. */
const REVERSE_TICK_MS = 100;
/** How often a seek that led elsewhere is repeated. */
const MOST_MISSES = 5;
const AAC_FRAME_SAMPLES = 1_024;
const AUDIO_RATE_HZ = 48_000;

/**
 * How many whole frames of the clock a sound is long; its last AAC frame may be padded.
 * @param {number} aacFrames  with the one that primes the decoder
 * @param {import("../timecode.js").Rate} rate
 */
export function framesOfSound(aacFrames, rate) {
  return Math.max(1, Math.floor((Math.max(0, aacFrames - 1) * AAC_FRAME_SAMPLES * rate.n) / (AUDIO_RATE_HZ * rate.d)));
}

/** Fires "change" whenever the frame or the state did. */
export class SoundAlone extends EventTarget {
  /**
   * @param {HTMLVideoElement} video
   * @param {import("../timecode.js").Rate} rate
   * @param {import("./watching.js").Watching} watching
   * @param {(error: any) => void} onProblem
   */
  constructor(video, rate, watching, onProblem) {
    super();
    this.video = video;
    this.rate = rate;
    this.watching = watching;
    this.onProblem = onProblem;
    this.frame = 0;
    this.frames = 1;
    this.published = 1;
    /** @type {import("./picture-pair.js").State} */
    this.state = "loading";
    this.speed = 1;
    /** @type {{from: number, to: number} | null} */
    this.loop = null;
    /** @type {number | null} */
    this.painted = null;
    /** No picture has lines. */
    this.height = null;
    /** @type {number[]} */
    this.heights = [];
    /** @type {shaka.Player | null} */
    this.player = null;
    this.ending = new AbortController();
    this.looking = 0;
    this.misses = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.backTimer = undefined;
  }

  get onFull() {
    return true;
  }

  get limit() {
    return this.frames;
  }

  /**
   * @param {string} uri
   * @param {number} frame
   */
  async open(uri, frame) {
    const { signal } = this.ending;
    const player = await attachPlayer(this.video, this.watching, this.onProblem);
    if (signal.aborted) return void player.destroy();
    this.player = player;
    this.video.addEventListener("seeked", () => this.#look(), { signal });
    this.video.addEventListener("ended", () => (this.loop ? this.play(this.speed) : this.pause()), { signal });
    this.frame = clampFrame(frame, this.frames);
    await player.load(uri, seekSeconds(this.frame, this.rate));
    this.painted = this.frame;
    this.#setState("paused");
  }

  /**
   * @param {number} _published
   * @param {number} frames
   */
  grow(_published, frames) {
    this.frames = frames;
    this.published = frames;
    this.#changed();
  }

  #look() {
    this.painted = clampFrame(frameAt(this.video.currentTime, this.rate), this.frames);
    if (this.state === "playing") this.frame = this.painted;
    if (this.state === "playing" && this.loop && this.frame >= this.loop.to) this.play(this.speed);
    if (this.state === "paused") this.#insist();
    this.#changed();
  }

  /** The player's own seek to where it begins may come after the person's first. */
  #insist() {
    if (this.painted === this.frame || this.misses === MOST_MISSES) return;
    this.misses += 1;
    this.video.currentTime = seekSeconds(this.frame, this.rate);
  }

  #follow() {
    cancelAnimationFrame(this.looking);
    this.looking = requestAnimationFrame(() => {
      if (this.state !== "playing") return;
      if (frameAt(this.video.currentTime, this.rate) !== this.frame) this.#look();
      this.#follow();
    });
  }

  /** @param {number} frame */
  #seek(frame) {
    this.misses = 0;
    this.frame = clampFrame(frame, this.frames);
    this.video.currentTime = seekSeconds(this.frame, this.rate);
  }

  #halt() {
    clearInterval(this.backTimer);
    cancelAnimationFrame(this.looking);
    this.video.pause();
  }

  /** @param {number} frame */
  goTo(frame) {
    this.#halt();
    this.#seek(frame);
    this.#setState("paused");
  }

  /** @param {number} frames */
  stepBy(frames) {
    this.goTo(this.frame + frames);
  }

  /** @param {number} speed */
  play(speed = 1) {
    this.#halt();
    if (!this.player) return;
    if (this.frame >= this.frames - 1) this.#seek(this.loop?.from ?? 0);
    if (this.loop && (this.frame < this.loop.from || this.frame >= this.loop.to)) this.#seek(this.loop.from);
    this.speed = speed;
    this.video.playbackRate = speed;
    this.#setState("playing");
    this.video.play().catch(() => this.pause());
    this.#follow();
  }

  /**
   * Change the speed of a play that runs.
   * @param {number} speed
   */
  pace(speed) {
    if (this.state !== "playing") return;
    this.speed = speed;
    this.video.playbackRate = speed;
    this.#changed();
  }

  /** There is no picture to hold. */
  hold() {}

  /** Play a sound track from now on. @param {string | null} label */
  hear(label) {
    hear(this.player, label);
  }

  /** @param {number} speed */
  reverse(speed = 1) {
    this.#halt();
    this.speed = speed;
    this.#setState("reverse");
    const since = performance.now();
    const first = this.frame;
    this.backTimer = setInterval(() => {
      this.#seek(first - ((performance.now() - since) * speed * this.rate.n) / (1000 * this.rate.d));
      if (this.frame === 0) this.goTo(0);
    }, REVERSE_TICK_MS);
  }

  pause() {
    this.#halt();
    this.#setState("paused");
  }

  /** @param {import("./picture-pair.js").State} state */
  #setState(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  async close() {
    this.ending.abort();
    this.#halt();
    await this.player?.destroy();
  }
}
