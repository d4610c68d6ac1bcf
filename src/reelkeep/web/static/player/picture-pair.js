/**
 * Two pictures on one frame clock: a small one with short groups of pictures that answers at once (the step rung),
 * and the full one with sound. Whatever moves, the small one shows first; after a rest the full one takes its place,
 * once the compositor said that it has painted the same frame.
 */

import { clampFrame } from "../frame-clock.js";
import { Lane } from "./lane.js";

/** How long the frame must stay the same before the full picture is fetched for it. */
const REST_MS = 80;
/** A move after so long without one comes alone: the full picture is fetched as soon as the small one is on top. */
const ALONE_MS = 250;
/** From this speed on the small picture plays: the full one would drop most of its frames. */
const STEP_SPEED = 4;
/** How often a slow reverse looks whether the next frame is due. */
const REVERSE_TICK_MS = 8;
/** How often, and how many times, a still picture is asked for at the height it is now held to. */
const HOLD_TICK_MS = 100;
const HOLD_TRIES = 100;
/** How many published frames must lie ahead before a play that ran dry goes on. */
const RESUME_FRAMES = 24;

/**
 * @typedef {"loading" | "paused" | "playing" | "waiting" | "reverse"} State
 * @typedef {{n: number, d: number}} Rate
 */

/** Fires "change" whenever the frame, the picture or the state did. */
export class PicturePair extends EventTarget {
  /**
   * @param {HTMLVideoElement} stepVideo
   * @param {HTMLVideoElement} fullVideo
   * @param {Rate} rate
   * @param {import("./watching.js").Watching} watching
   * @param {(error: any) => void} onProblem
   */
  constructor(stepVideo, fullVideo, rate, watching, onProblem) {
    super();
    const hooks = {
      onPaint: (/** @type {Lane} */ lane, /** @type {number} */ frame) => this.#painted(lane, frame),
      onEnd: (/** @type {Lane} */ lane) => lane === this.top && this.state === "playing" && this.pause(),
      onProblem: (/** @type {Lane} */ _lane, /** @type {any} */ error) => onProblem(error),
    };
    this.rate = rate;
    this.step = new Lane(stepVideo, rate, watching, hooks);
    this.full = new Lane(fullVideo, rate, watching, hooks);
    /** The frame that the person asked for. */
    this.frame = 0;
    /** How many frames the film has, as far as known, and how many of them are published. */
    this.frames = 1;
    this.published = 1;
    /** @type {State} */
    this.state = "loading";
    this.speed = 1;
    /** The lane on top. @type {Lane} */
    this.top = this.step;
    /** @type {{from: number, to: number} | null} */
    this.loop = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.restTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.backTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.holdTimer = undefined;
    this.back = { since: 0, frame: 0 };
    this.lastMove = -Infinity;
    /** True if the last move came alone. */
    this.alone = false;
    /** Which play this is: one that was ended fails late, when the next may have begun. */
    this.runs = 0;
    /** True from a pause to the next move: the video may still paint one picture more, and the frame follows it. */
    this.coasting = false;
    this.raising = 0;
    /** @type {Lane | null} */
    this.raisingLane = null;
    this.#raise(this.step);
  }

  /** The frame on the screen, or null before the first picture. */
  get painted() {
    return this.top.showing;
  }

  /** Lines of the picture on top, or null. */
  get height() {
    return this.top.height;
  }

  /** Lines of every full picture, fewest first. */
  get heights() {
    return this.full.heights;
  }

  /** True if the full picture is on top. */
  get onFull() {
    return this.top === this.full;
  }

  /** Where play must stop for now. */
  get limit() {
    return Math.max(1, Math.min(this.frames, this.published));
  }

  /**
   * Open the small picture.
   * @param {string} uri
   * @param {number} frame
   * @param {object} config
   */
  async openStep(uri, frame, config) {
    this.frame = clampFrame(frame, this.limit);
    await this.step.load(uri, this.frame, config);
  }

  /**
   * Open the full picture; a play that was asked for meanwhile begins.
   * @param {string} uri
   * @param {object} config
   */
  async openFull(uri, config) {
    await this.full.load(uri, this.frame, config);
    if (this.state === "waiting") this.play(this.speed);
    else this.#rest();
  }

  /**
   * Tell how much of the film there is.
   * @param {number} published
   * @param {number} frames
   */
  grow(published, frames) {
    this.published = published;
    this.frames = frames;
    if (this.state === "waiting" && this.#ahead() >= Math.min(RESUME_FRAMES, frames - 1 - this.frame)) this.play(this.speed);
    this.#changed();
  }

  #ahead() {
    return this.limit - 1 - this.frame;
  }

  /**
   * Show a frame and stay there.
   * @param {number} frame
   */
  goTo(frame) {
    this.#halt();
    this.#setState("paused");
    this.frame = clampFrame(frame, this.limit);
    const now = performance.now();
    this.alone = now - this.lastMove > ALONE_MS;
    this.lastMove = now;
    this.#drive();
    this.#rest();
    this.#changed();
  }

  /**
   * @param {number} frames  negative to go back
   */
  stepBy(frames) {
    const from = this.state === "playing" ? (this.painted ?? this.frame) : this.frame;
    this.goTo(from + frames);
  }

  /**
   * Play forward.
   * @param {number} speed  1, 2, 4 or 8
   */
  play(speed = 1) {
    this.#halt();
    this.speed = speed;
    if (this.frame >= this.frames - 1) this.frame = this.loop?.from ?? 0;
    if (this.loop && (this.frame < this.loop.from || this.frame >= this.loop.to)) this.frame = this.loop.from;
    const lane = speed >= STEP_SPEED ? this.step : this.full;
    if (!lane.loaded || this.#ahead() <= 0) return this.#setState("waiting");
    this.#setState("playing");
    lane.video.playbackRate = speed;
    if (lane.showing === this.frame && !lane.busy) this.#run(lane);
    else lane.seek(this.frame);
  }

  /**
   * Change the speed of a play that runs, or waits for pictures, without a seek.
   * @param {number} speed  less than the step rung's
   */
  pace(speed) {
    if (this.state === "playing" && this.speed >= STEP_SPEED) return this.play(speed);
    if (this.state !== "playing" && this.state !== "waiting") return undefined;
    this.speed = speed;
    this.full.video.playbackRate = speed;
    return this.#changed();
  }

  /**
   * Hold the full picture to a height, or let the network decide again; a still picture is fetched anew.
   * @param {number | null} lines
   * @param {number} mostPixels  that the network alone may decide for
   */
  hold(lines, mostPixels) {
    if (!this.full.loaded) return;
    this.full.hold(lines, mostPixels);
    clearTimeout(this.holdTimer);
    if (lines !== null) this.#refine(lines, HOLD_TRIES);
  }

  /** Play a sound track from now on; the small picture has none. @param {string | null} label */
  hear(label) {
    if (this.full.loaded) this.full.hear(label);
  }

  /**
   * The player says nothing when a paused picture could be had at its new height: seek until it has come.
   * @param {number} lines
   * @param {number} tries
   */
  #refine(lines, tries) {
    if (this.full.height === lines || tries === 0) return this.#changed();
    if (this.state === "paused" && !this.full.busy && !this.full.video.seeking) this.full.seek(this.frame);
    this.holdTimer = setTimeout(() => this.#refine(lines, tries - 1), HOLD_TICK_MS);
    return undefined;
  }

  /** @param {Lane} lane */
  #run(lane) {
    this.#raise(lane);
    const run = ++this.runs;
    lane.video.play().catch(() => run === this.runs && this.pause()); // not when we ended it ourselves, to go on otherwise
  }

  /**
   * Play backward, by seeks: browsers have no reverse.
   * @param {number} speed
   */
  reverse(speed = 1) {
    this.#halt();
    this.speed = speed;
    this.back = { since: performance.now(), frame: this.frame };
    this.#setState("reverse");
    this.#backward();
  }

  #backward() {
    if (this.state !== "reverse" || this.step.busy) return;
    const seconds = (performance.now() - this.back.since) / 1000;
    const next = clampFrame(this.back.frame - (seconds * this.speed * this.rate.n) / this.rate.d, this.limit);
    if (next < this.frame) {
      this.frame = next;
      this.#drive();
    }
    if (this.frame === 0) return this.goTo(0);
    clearTimeout(this.backTimer);
    if (!this.step.busy) this.backTimer = setTimeout(() => this.#backward(), REVERSE_TICK_MS);
  }

  pause() {
    const playing = this.state === "playing";
    const painted = this.painted;
    this.#halt();
    this.coasting = playing;
    this.#setState("paused");
    if (playing && painted !== null && !this.top.busy) this.frame = clampFrame(painted, this.limit);
    this.#drive();
    this.#rest();
    this.#changed();
  }

  /** Stop whatever moves, leaving the frame as it is. */
  #halt() {
    clearTimeout(this.restTimer);
    clearTimeout(this.backTimer);
    this.coasting = false;
    this.runs += 1;
    for (const lane of [this.step, this.full]) if (!lane.video.paused) lane.video.pause();
  }

  /** Bring the small picture to the wanted frame, one seek at a time, unless the full one shows it already. */
  #drive() {
    if (this.full.showing === this.frame && !this.full.busy) return this.#raiseSoon(this.full);
    if (!this.step.loaded || this.step.busy) return undefined;
    if (this.step.showing !== this.frame) return this.step.seek(this.frame);
    return this.#raiseSoon(this.step);
  }

  #rest() {
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.#refetch(), REST_MS);
  }

  /** Bring the full picture to the frame that is shown. */
  #refetch() {
    clearTimeout(this.restTimer);
    if (this.state !== "paused" || !this.full.loaded) return;
    if (this.full.showing === this.frame && !this.full.busy) this.#raiseSoon(this.full);
    else if (!this.full.isOnItsWayTo(this.frame)) this.full.seek(this.frame);
  }

  /**
   * @param {Lane} lane
   * @param {number} frame
   */
  #painted(lane, frame) {
    if (this.state === "loading") {
      if (!lane.busy) {
        this.#setState("paused");
        this.#rest(); // the full picture may have been ready first
      }
    } else if (this.state === "playing") this.#played(lane, frame);
    else if (lane === this.full) this.#settled(frame);
    else this.#stepped(frame);
    this.#changed();
  }

  /**
   * The full picture came to rest on a frame, or painted one more after a pause.
   * @param {number} frame
   */
  #settled(frame) {
    if (this.state !== "paused" || this.full.busy) return;
    if (frame === this.frame) this.#raiseSoon(this.full);
    else if (this.coasting && this.top === this.full && !this.step.busy) this.frame = clampFrame(frame, this.limit);
  }

  /**
   * The small picture painted a frame: show it, and go on to where the person is by now.
   * @param {number} frame
   */
  #stepped(frame) {
    if (this.step.busy) return;
    const better = this.full.showing === this.frame && !this.full.busy && this.top === this.full;
    if (!better) this.#raiseSoon(this.step);
    if (this.state === "reverse") this.#backward();
    else if (frame !== this.frame) this.#drive();
  }

  /**
   * @param {Lane} lane
   * @param {number} frame
   */
  #played(lane, frame) {
    const playing = this.speed >= STEP_SPEED ? this.step : this.full;
    if (lane !== playing || lane.busy) return;
    if (lane.video.paused) return this.#run(lane);
    this.frame = clampFrame(frame, this.frames);
    if (this.loop && frame >= this.loop.to) return this.play(this.speed);
    if (frame >= this.limit - 1) this.#reachedLimit();
  }

  #reachedLimit() {
    if (this.limit < this.frames) {
      this.#halt();
      this.frame = this.limit - 1;
      this.#setState("waiting");
    } else if (this.loop) this.play(this.speed);
    else this.pause();
  }

  /**
   * Put a lane on top once the compositor surely has its newest picture: the callback that names a picture may run
   * before the picture of a covered video has left for the screen. What the person has left meanwhile stays
   * below, but for small pictures on the way to where he is.
   * @param {Lane} lane
   */
  #raiseSoon(lane) {
    if (this.top === lane) return;
    if (this.raisingLane === lane && this.state === "reverse") return;
    const frame = lane.showing;
    cancelAnimationFrame(this.raising);
    this.raisingLane = lane;
    this.raising = requestAnimationFrame(() => {
      this.raising = requestAnimationFrame(() => {
        const rushing = this.state === "reverse" && lane === this.step;
        if (!rushing && (lane.showing !== frame || lane.busy || this.state === "playing")) return;
        const isThere = this.painted === this.frame && !this.top.busy;
        if (!rushing && frame !== this.frame && (lane === this.full || isThere)) return;
        this.#raise(lane);
        this.#changed();
        if (lane === this.step && frame === this.frame && this.alone) this.#refetch();
      });
    });
  }

  /** @param {Lane} lane */
  #raise(lane) {
    cancelAnimationFrame(this.raising);
    this.raisingLane = null;
    this.top = lane;
    for (const each of [this.step, this.full]) each.video.classList.toggle("top", each === lane);
  }

  /** @param {State} state */
  #setState(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  async close() {
    this.#halt();
    clearTimeout(this.holdTimer);
    await Promise.all([this.step.close(), this.full.close()]);
  }
}
