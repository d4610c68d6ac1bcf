/**
 * An image sequence on its way to the bucket: a hundred frames to a call, each summed, signed, sent by one PUT.
 * It waits in the state "asked" until the person has said that it is one film; what is there already is asked from the
 * server, which looks into the bucket.
 */

import { ApiError, post } from "../api.js";
import { base64Of, crc32 } from "./crc32.js";
import { sumOf } from "./summing.js";
import { Transfer } from "./transfer.js";

const PARALLEL_FRAMES = 4;
const BATCH_FRAMES = 100;
/** Links are signed before the first of a batch is used, and live for 15 minutes. */
const BATCH_BYTES = 128 * 2 ** 20;

/** @typedef {import("./sequence.js").Sequence<File>} Sequence */

/** Fires "change". */
export class SequenceTransfer extends Transfer {
  /**
   * @param {string} productionId
   * @param {Sequence} sequence
   * @param {string} folder
   */
  constructor(productionId, sequence, folder) {
    const size = sequence.files.reduce((total, file) => total + file.size, 0);
    super(productionId, { name: sequence.name, size, lastModified: Math.max(...sequence.files.map((file) => file.lastModified)) }, sequence.files[0]);
    this.sequence = sequence;
    this.folder = folder;
    /** @type {import("./transfer.js").TransferState} */
    this.state = "asked";
    /** @type {[number, number]} */
    this.filmRate = [24, 1];
  }

  /** These very files at this rate, so that a later try finds the same upload again. */
  get clientKey() {
    const told = this.sequence.files.map((file) => `${file.name}/${file.size}/${file.lastModified}`).join("\n");
    const sum = crc32(new TextEncoder().encode(`${this.folder}\n${this.filmRate}\n${told}`));
    return `browser-sequence-${this.sequence.files.length}-${this.about.size}-${sum}`;
  }

  /** @param {AbortSignal} signal */
  async send(signal) {
    await this.#begin(signal);
    this.show("sending");
    await this.#sendMissing(signal);
    this.show("finishing");
    await this.again(() => post(`/sequences/${this.uploadId}/complete`, {}), signal);
  }

  /** @param {AbortSignal} signal */
  async #begin(signal) {
    const { files, twins } = this.sequence;
    if (twins) throw new ApiError(400, "request", `Two files have one number: ${twins[0].name} and ${twins[1].name}.`, "Move one of them away and drop the folder again.");
    const empty = files.find((file) => file.size === 0);
    if (empty) throw new ApiError(400, "media", `${empty.name} is empty.`, "Export this frame again and drop the folder then.");
    const body = {
      folder: this.folder,
      first_file: files[0].name,
      last_file: files[files.length - 1].name,
      files: files.length,
      size_bytes: this.about.size,
      rate: this.filmRate,
      client_key: this.clientKey,
    };
    this.uploadId = (await this.again(() => post(`/productions/${this.productionId}/sequences`, body), signal)).id;
    this.sent = new Map();
  }

  /** @param {AbortSignal} signal */
  async #sendMissing(signal) {
    let next = 0;
    const { files } = this.sequence;
    while (next < files.length) {
      const batch = [];
      let bytes = 0;
      while (next < files.length && batch.length < BATCH_FRAMES && (batch.length === 0 || bytes + files[next].size <= BATCH_BYTES)) {
        bytes += files[next].size;
        batch.push(next++);
      }
      await this.#sendBatch(batch, signal);
    }
  }

  /**
   * @param {number[]} places
   * @param {AbortSignal} signal
   */
  async #sendBatch(places, signal) {
    const sums = [];
    for (const place of places) {
      signal.throwIfAborted();
      sums.push(this.sums.get(place) ?? (await sumOf(this.sequence.files[place])));
      this.sums.set(place, sums[sums.length - 1]);
    }
    const answers = await this.#sign(places, signal);
    /** @type {[number, any][]} */
    const missing = [];
    answers.forEach((answer, at) => (answer.stored ? this.sentSo(places[at], this.sequence.files[places[at]].size) : missing.push([places[at], answer])));
    const arrived = missing.map(([place, { number }]) => ({ number, crc32: base64Of(this.sums.get(place) ?? 0) }));
    let next = 0;
    const sender = async () => {
      while (next < missing.length && !signal.aborted) {
        const [place, request] = missing[next++];
        await this.sendUntilStored(place, this.sequence.files[place], request, async () => (await this.#sign([place], signal))[0], signal);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_FRAMES }, sender));
    signal.throwIfAborted();
    if (arrived.length === 0) return;
    const { frames } = await this.again(() => post(`/sequences/${this.uploadId}/arrived`, { frames: arrived }), signal);
    refuse(frames);
  }

  /**
   * @param {number[]} places
   * @param {AbortSignal} signal
   * @returns {Promise<any[]>}
   */
  async #sign(places, signal) {
    const files = places.map((place) => {
      const { name, size } = this.sequence.files[place];
      return { file_name: name, size_bytes: size, crc32: base64Of(this.sums.get(place) ?? 0), sha256: null };
    });
    const { frames } = await this.again(() => post(`/sequences/${this.uploadId}/frames`, { files }), signal);
    refuse(frames);
    return frames;
  }
}

/**
 * Throw the first error among the answers for frames.
 * @param {any[]} answers
 */
function refuse(answers) {
  const error = answers.find((answer) => answer.error)?.error;
  if (error) throw new ApiError(400, error.code, error.message, error.advice);
}
