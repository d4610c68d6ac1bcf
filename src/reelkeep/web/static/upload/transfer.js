/**
 * One file on its way to the bucket: what is there already is asked from the store, the rest is summed, signed, sent.
 * It can be paused and resumed at any moment; the truth about done parts stays with the store.
 */

import { ApiError, get, post, remove } from "../api.js";
import { base64Of, combine, crc32 } from "./crc32.js";
import { pace } from "./pace.js";
import { words } from "../sentences.js";
import { SendProblem, sendPart } from "./sending.js";
import { sumOf } from "./summing.js";

const PARALLEL_PARTS = 4;
/** Parts summed ahead of the senders, and the most that are signed in one request. */
const SIGN_AT_ONCE = 8;
/** Enough to outlast a store that is away for two minutes, however the pauses fall. */
export const TRIES = 18;
const LONGEST_PAUSE_MS = 30_000;
/** The rate shown is that of the last few seconds. */
const RATE_WINDOW_MS = 8_000;

/**
 * @typedef {"asked" | "waiting" | "checking" | "sending" | "paused" | "retrying" | "finishing" | "done" | "interrupted" | "failed" | "lost"} TransferState
 * "interrupted": nobody refused it, and it goes on when network, server and store are there again; "failed": it was
 * refused; "asked": the person has not said yet what a sequence is to be; "lost": interrupted by a page that was loaded anew, so that the file must be picked again.
 */

/**
 * Where a piece of a file goes.
 * @typedef {Pick<import("../api.js").PartRequest, "method" | "url" | "headers"> & {stored?: boolean}} Signed
 */

/**
 * How long to wait before the next try: longer each time, and not all at once.
 * @param {number} attempt  from 1
 * @param {number} dice  0 to 1
 */
export function pauseMs(attempt, dice) {
  return Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (attempt - 1)) * (0.5 + dice / 2);
}

/** Fires "change", and "begun" once the server knows of it. Its subclasses send files in other ways. */
export class Transfer extends EventTarget {
  /**
   * @param {string} productionId
   * @param {{name: string, size: number, lastModified: number}} about
   * @param {File | null} file
   * @param {string} [folder]  "a/b" below the production's top
   */
  constructor(productionId, about, file, folder = "") {
    super();
    this.productionId = productionId;
    this.about = about;
    this.folder = folder;
    this.file = file;
    /** @type {FileSystemFileHandle | null} */
    this.handle = null;
    /** @type {TransferState} */
    this.state = file ? "waiting" : "lost";
    /** @type {import("../api.js").Upload | null} */
    this.upload = null;
    /** @type {string | null} */
    this.uploadId = null;
    /** @type {{message: string, advice: string} | null} */
    this.problem = null;
    /** Bytes gone, per part. @type {Map<number, number>} */
    this.sent = new Map();
    /** @type {Map<number, number>} */
    this.sums = new Map();
    /** @type {{at: number, bytes: number}[]} */
    this.samples = [];
    /** The state to go back to when nobody waits any more. @type {TransferState} */
    this.before = "sending";
    /** How many senders wait for a store or a server that is away. */
    this.away = 0;
    /** @type {AbortController | null} */
    this.control = null;
  }

  /** One file's name for the server, so that a reload finds the same upload again. */
  get clientKey() {
    const key = `browser-${this.about.size}-${this.about.lastModified}`;
    return this.folder ? `${key}-${crc32(new TextEncoder().encode(this.folder)).toString(16)}` : key;
  }

  get sentBytes() {
    let total = 0;
    for (const bytes of this.sent.values()) total += bytes;
    return Math.min(total, this.about.size);
  }

  get running() {
    return ["waiting", "checking", "sending", "retrying", "finishing"].includes(this.state);
  }

  /** Bytes a second over the last seconds, or 0. */
  get rate() {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  get secondsLeft() {
    return this.rate > 0 ? (this.about.size - this.sentBytes) / this.rate : Infinity;
  }

  /** @param {TransferState} state */
  show(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {number} place
   * @param {number} bytes  that have gone of this piece
   */
  sentSo(place, bytes) {
    this.sent.set(place, bytes);
    const at = performance.now();
    this.samples.push({ at, bytes: this.sentBytes });
    while (this.samples.length > 2 && at - this.samples[0].at > RATE_WINDOW_MS) this.samples.shift();
    this.dispatchEvent(new Event("change"));
  }

  /** Send what is missing; ends in "done", "interrupted", "failed" or "paused". */
  async run() {
    const control = new AbortController();
    this.control = control;
    this.problem = null;
    this.samples = [];
    this.away = 0;
    try {
      this.show("checking");
      await this.send(control.signal);
      this.show("done");
    } catch (problem) {
      if (control.signal.aborted) return;
      control.abort();
      this.#fail(problem);
    }
  }

  /**
   * Begin, send what is missing, and complete.
   * @param {AbortSignal} signal  ends it, and is thrown
   */
  async send(signal) {
    await this.#begin(signal);
    await this.#sendMissing(signal);
    this.show("finishing");
    await this.again(() => post(`/uploads/${this.uploadId}/complete`, { crc32: base64Of(this.#whole()), sha256: null }), signal);
  }

  /** @param {unknown} problem */
  #fail(problem) {
    const { message, advice } = words(problem);
    const interrupted = (problem instanceof ApiError || problem instanceof SendProblem) && problem.passing;
    const own = interrupted ? "Resume it when the network is back; what is stored is kept." : "Try again when the cause is gone; what is stored is kept.";
    this.problem = { message, advice: interrupted || !(problem instanceof ApiError) ? own : advice };
    this.show(interrupted ? "interrupted" : "failed");
  }

  /** @param {AbortSignal} signal */
  async #begin(signal) {
    const body = { file_name: this.about.name, size_bytes: this.about.size, client_key: this.clientKey, folder: this.folder };
    const kept = this.uploadId ? await this.again(() => this.#open(), signal) : null;
    const open = kept ?? (await this.again(() => post(`/productions/${this.productionId}/uploads`, body), signal));
    const upload = /** @type {import("../api.js").Upload} */ (open.upload ?? open);
    this.upload = upload;
    this.uploadId = upload.id;
    this.sent = new Map(upload.done_parts.map((part) => [part.number, part.size_bytes]));
    this.dispatchEvent(new Event("begun"));
  }

  /** The upload as the server knows it, or null if it is over: then it begins anew. */
  async #open() {
    const open = await get(`/uploads/${this.uploadId}`).catch((problem) => {
      if (problem.status === 404) return null;
      throw problem;
    });
    return (open?.upload ?? open)?.state === "open" ? open : null;
  }

  /**
   * @param {number} number  from 1
   */
  #part(number) {
    const bytes = this.upload?.part_bytes ?? 0;
    if (!this.file) throw new Error("The file must be picked again.");
    return this.file.slice((number - 1) * bytes, number * bytes);
  }

  /**
   * Sum every part in order; the senders take what the store does not have yet.
   * @param {AbortSignal} signal
   */
  async #sendMissing(signal) {
    const upload = /** @type {import("../api.js").Upload} */ (this.upload);
    const done = new Map(upload.done_parts.map((part) => [part.number, part]));
    this.show("sending");
    let next = 1;
    const sender = async () => {
      while (next <= upload.parts_total && !signal.aborted) {
        const batch = [];
        while (next <= upload.parts_total && batch.length < this.#batchParts()) batch.push(next++);
        await this.#sendBatch(batch, done, signal);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_PARTS }, sender));
    signal.throwIfAborted();
  }

  /** Parts one sender signs at once: fewer for short uploads, so that all senders have work. */
  #batchParts() {
    return Math.max(1, Math.min(SIGN_AT_ONCE, Math.floor((this.upload?.parts_total ?? 1) / (PARALLEL_PARTS * 4))));
  }

  /**
   * @param {number[]} batch
   * @param {Map<number, import("../api.js").DonePart>} done
   * @param {AbortSignal} signal
   */
  async #sendBatch(batch, done, signal) {
    const missing = [];
    for (const number of batch) {
      signal.throwIfAborted();
      const part = this.#part(number);
      const sum = this.sums.get(number) ?? (await sumOf(part));
      this.sums.set(number, sum);
      const there = done.get(number);
      const same = there && there.size_bytes === part.size && (there.crc32 === null || there.crc32 === base64Of(sum));
      if (!same) missing.push(number);
    }
    if (missing.length === 0) return;
    const requests = await this.#sign(missing, signal);
    for (const request of requests) {
      const { number } = request;
      await this.sendUntilStored(number, this.#part(number), request, async () => (await this.#sign([number], signal))[0], signal);
    }
  }

  /**
   * @param {number[]} numbers
   * @param {AbortSignal} signal
   * @returns {Promise<import("../api.js").PartRequest[]>}
   */
  async #sign(numbers, signal) {
    const parts = numbers.map((number) => ({ number, crc32: base64Of(this.sums.get(number) ?? 0) }));
    return (await this.again(() => post(`/uploads/${this.uploadId}/parts`, { parts }), signal)).requests;
  }

  /**
   * PUT a piece of the file until the store has it.
   * @param {number} place  of the piece, as in `sent`
   * @param {Blob} body
   * @param {Signed} first
   * @param {() => Promise<Signed>} signAgain
   * @param {AbortSignal} signal
   */
  async sendUntilStored(place, body, first, signAgain, signal) {
    let request = first;
    for (let attempt = 1; !request.stored; attempt += 1) {
      try {
        await this.rest(pace.waitMs(body.size, performance.now()), signal);
        signal.throwIfAborted();
        await sendPart(request, body, (bytes) => this.sentSo(place, bytes), signal);
        break;
      } catch (problem) {
        if (problem instanceof SendProblem && problem.isThereAlready) break; // from a try that was cut off
        this.sent.delete(place);
        if (!(problem instanceof SendProblem) || attempt >= TRIES) throw problem;
        if (problem.wantsNewAddress && attempt < 3) request = await signAgain();
        else if (problem.passing) await this.pauseBefore(attempt, signal);
        else throw problem;
      }
    }
    this.sentSo(place, body.size);
  }

  /**
   * Call the server until it answers; what it refuses is thrown at once.
   * @param {() => Promise<any>} ask
   * @param {AbortSignal} signal
   */
  async again(ask, signal) {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (problem) {
        if (!(problem instanceof ApiError) || !problem.passing || attempt >= TRIES) throw problem;
        await this.pauseBefore(attempt, signal);
      }
    }
  }

  /**
   * Wait longer with each attempt; a network that comes back ends the wait.
   * @param {number} attempt
   * @param {AbortSignal} signal
   */
  async pauseBefore(attempt, signal) {
    const before = this.state === "retrying" ? this.before : this.state;
    this.before = before;
    this.away += 1;
    this.show("retrying");
    await this.rest(pauseMs(attempt, Math.random()), signal);
    this.away -= 1;
    signal.throwIfAborted();
    if (this.away === 0) this.show(before);
  }

  /**
   * @param {number} milliseconds
   * @param {AbortSignal} signal
   */
  rest(milliseconds, signal) {
    if (milliseconds <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        removeEventListener("online", end);
        signal.removeEventListener("abort", end);
        resolve(undefined);
      };
      const timer = setTimeout(end, milliseconds);
      addEventListener("online", end);
      signal.addEventListener("abort", end);
    });
  }

  /** The sum of the whole file from those of its parts. */
  #whole() {
    let sum = 0;
    for (let number = 1; number <= (this.upload?.parts_total ?? 0); number += 1) {
      sum = combine(sum, this.sums.get(number) ?? 0, this.#part(number).size);
    }
    return sum;
  }

  pause() {
    this.control?.abort(new Error("paused"));
    this.show("paused");
  }

  /** Stop for good and let the server drop what was stored of it. */
  async cancel() {
    this.control?.abort(new Error("cancelled"));
    if (this.uploadId) await remove(`/uploads/${this.uploadId}`).catch(() => {});
  }
}
