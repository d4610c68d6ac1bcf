/** The comments of one page as a person works through them: which are listed, which one's range is set, what went wrong. */

import { remember, remembered } from "../preferences.js";
import { wordsInOne } from "../sentences.js";
import { WHOLE } from "./range.js";

/**
 * @typedef {import("../api.js").Comment} Comment
 * @typedef {import("./range.js").Range} Range
 * @typedef {"open" | "all"} Filter
 */

const FILTERS = ["open", "all"];

/**
 * The range of a comment, or null if it stands on one frame.
 * @param {Comment} comment
 * @returns {Range | null}
 */
export function rangeOf({ frame, last_frame: last }) {
  return last === null ? null : { from: frame, to: last };
}

/** Fires "change". */
export class Commenting extends EventTarget {
  /** @param {import("../pages/asset-record.js").AssetRecord} record */
  constructor(record) {
    super();
    this.record = record;
    /** @type {Filter} */
    this.filter = remembered("comments", "all", (value) => FILTERS.includes(/** @type {string} */ (value)));
    this.problem = "";
    /** The range that a comment set, until another one is set. @type {Range | null} */
    this.borrowed = null;
  }

  /** The comments that are listed, by frame. */
  get listed() {
    return this.filter === "all" ? this.record.comments : this.record.comments.filter((comment) => comment.resolved_at === null);
  }

  /** @param {Filter} filter */
  show(filter) {
    this.filter = filter;
    remember("comments", filter);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /**
   * What becomes of the range when a comment is chosen: its own, or none if the one that is set was another comment's.
   * @param {Comment} comment
   * @param {Range} range
   * @returns {Range}
   */
  rangeAfter(comment, range) {
    const own = rangeOf(comment);
    const kept = range === this.borrowed ? WHOLE : range;
    this.borrowed = own;
    return own ?? kept;
  }

  /**
   * The next comment after a frame, or the one before it.
   * @param {number} frame
   * @param {1 | -1} way
   * @returns {Comment | undefined}
   */
  next(frame, way) {
    const ordered = way === 1 ? this.listed : this.listed.toReversed();
    return ordered.find((comment) => (comment.frame - frame) * way > 0);
  }

  /**
   * Write, change, resolve, reopen or delete; what is refused is said in `problem`.
   * @param {Promise<void>} deed
   * @returns {Promise<boolean>} true if it was done
   */
  async did(deed) {
    this.problem = "";
    try {
      await deed;
      return true;
    } catch (problem) {
      this.problem = wordsInOne(problem);
      return false;
    } finally {
      this.#changed();
    }
  }
}
