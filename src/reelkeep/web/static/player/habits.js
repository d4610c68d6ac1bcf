/** How a person likes to watch: volume, speed, quality, the way of saying places; most of it is remembered. */

import { remember, remembered } from "../preferences.js";
import { choiceOf, isChoice } from "./sounds.js";
import { speedAfter } from "./speeds.js";

const VOLUME_STEP = 0.1;

/** Fires "change" (detail: the name of what changed). */
export class Habits extends EventTarget {
  constructor() {
    super();
    /** From 0 to 1. */
    this.volume = remembered("volume", 1, (value) => typeof value === "number" && value >= 0 && value <= 1);
    this.muted = remembered("muted", false, (value) => typeof value === "boolean");
    /** Of many sound tracks the one that was chosen last. @type {import("./sounds.js").Choice | null} */
    this.sound = remembered("sound", null, isChoice);
    /** @type {import("../counting.js").Shown} */
    this.shown = remembered("shown", "timecode", (value) => value === "timecode" || value === "frames");
    /** Of plain play; for this sitting only, so that nobody judges a film at another speed unawares. */
    this.speed = 1;
    /** Lines that the full picture is held to, or null where the network decides; for this sitting only. @type {number | null} */
    this.lines = null;
  }

  /**
   * @template {"volume" | "muted" | "shown" | "speed" | "lines" | "sound"} Name
   * @param {Name} name
   * @param {this[Name]} value
   */
  set(name, value) {
    this[name] = value;
    if (name === "volume" || name === "muted" || name === "shown" || name === "sound") remember(name, value);
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  /**
   * @param {import("./keys.js").Action} action
   * @param {number[]} heights  the full picture's
   * @param {import("./sounds.js").SoundTrack[]} sounds
   * @param {import("./sounds.js").SoundTrack | null} sound  that is played
   * @returns {boolean} false if the action is no habit
   */
  do(action, heights, sounds, sound) {
    if (action === "mute") this.set("muted", !this.muted);
    else if (action === "louder" || action === "quieter") this.turn(this.volume + (action === "louder" ? VOLUME_STEP : -VOLUME_STEP));
    else if (action === "faster" || action === "slower" || action === "ownSpeed") this.set("speed", speedAfter(this.speed, action));
    else if (action === "count") this.set("shown", this.shown === "frames" ? "timecode" : "frames");
    else if (action === "quality") this.set("lines", nextOf([null, ...heights], this.lines));
    else if (action !== "track") return false;
    else if (sound && sounds.length > 1) this.set("sound", choiceOf(nextOf(sounds, sound)));
    return true;
  }

  /**
   * Set the volume; whoever turns it up wants to hear something.
   * @param {number} volume
   */
  turn(volume) {
    const whole = Math.round(Math.min(1, Math.max(0, volume)) * 100) / 100;
    if (this.muted && whole > 0) this.set("muted", false);
    this.set("volume", whole);
  }
}

/**
 * @template T
 * @param {T[]} all
 * @param {T} one
 */
function nextOf(all, one) {
  return all[(all.indexOf(one) + 1) % all.length];
}
