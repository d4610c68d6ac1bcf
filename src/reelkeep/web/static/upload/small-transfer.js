/**
 * A file of one part on its way to the bucket: one PUT that never replaces an object, and two calls of the platform
 * that it shares with up to a hundred others. A store that takes files in parts only gets it as any other file.
 */

import { ApiError, post } from "../api.js";
import { base64Of, crc32 } from "./crc32.js";
import { Desk } from "./desk.js";
import { sumOf } from "./summing.js";
import { Transfer } from "./transfer.js";

/** One part of an upload in parts, `ingest.parts.MIN_PART_BYTES`: there is nothing that a resumed one could keep. */
export const MAX_SMALL_BYTES = 8 * 2 ** 20;
/** The first of many waits this long for others to share its call; one alone does not wait. */
const LINGER_MS = 100;
/** PUTs on the wire at once, of all small files together. */
const PARALLEL_PUTS = 4;
const NAME_CHARACTERS = 100;

/** How many are under way. */
let running = 0;
const lingerMs = () => (running > 1 ? LINGER_MS : 0);

/** Productions whose store takes files in parts only. @type {Set<string>} */
const partsOnly = new Set();

/** @type {Desk<object, any>} */
const begins = new Desk(async (productionId, files) => (await post(`/productions/${productionId}/small-uploads`, { files })).uploads, lingerMs);

/** @type {Desk<{id: string, crc32: string}, any>} */
const ends = new Desk(async (productionId, uploads) => {
  const answers = (await post(`/productions/${productionId}/small-uploads/complete`, { uploads })).uploads;
  const byId = new Map(answers.map((/** @type {{id: string}} */ answer) => [answer.id, answer]));
  return uploads.map(({ id }) => byId.get(id));
}, lingerMs);

/** Those that wait to be put on the wire. @type {(() => void)[]} */
const waiting = [];
let putting = 0;

export class SmallTransfer extends Transfer {
  /** Many small files have one size and one time: the name is in it, too. The server takes 200 characters. */
  get clientKey() {
    const { name, size, lastModified } = this.about;
    const sum = crc32(new TextEncoder().encode(`${this.folder}\n${name}`)).toString(16);
    return `browser-small-${size}-${lastModified}-${sum}-${[...name].slice(0, NAME_CHARACTERS).join("")}`;
  }

  /** @param {AbortSignal} signal */
  async send(signal) {
    if (partsOnly.has(this.productionId)) return super.send(signal);
    running += 1;
    try {
      await this.#sendWhole(signal);
    } catch (problem) {
      if (!(problem instanceof ApiError) || problem.code !== "parts_only") throw problem;
      partsOnly.add(this.productionId);
      this.uploadId = null;
    } finally {
      running -= 1;
    }
    if (partsOnly.has(this.productionId)) await super.send(signal);
  }

  /** @param {AbortSignal} signal */
  async #sendWhole(signal) {
    const { file } = this;
    if (!file) throw new Error("The file must be picked again.");
    this.sent = new Map();
    const sum = base64Of(await sumOf(file));
    const begin = () => this.again(async () => checked(await begins.ask(this.productionId, this.#asNew(sum))), signal);
    const begun = await begin();
    signal.throwIfAborted();
    this.uploadId = begun.id;
    this.dispatchEvent(new Event("begun"));
    await inTurn(async () => {
      signal.throwIfAborted();
      this.show("sending");
      await this.sendUntilStored(1, file, begun, begin, signal);
    });
    this.show("finishing");
    await this.again(async () => checked(await ends.ask(this.productionId, { id: begun.id, crc32: sum })), signal);
    signal.throwIfAborted();
  }

  /** @param {string} sum */
  #asNew(sum) {
    const { name, size } = this.about;
    return { folder: this.folder, file_name: name, size_bytes: size, crc32: sum, sha256: null, client_key: this.clientKey };
  }
}

/**
 * Return an answer for one file, or throw the refusal that it is.
 * @param {any} answer
 */
function checked(answer) {
  const { error } = answer ?? { error: { code: "error", message: "The server forgot this file.", advice: "" } };
  if (error) throw new ApiError(400, error.code, error.message, error.advice);
  return answer;
}

/**
 * Do something as soon as fewer than PARALLEL_PUTS others do.
 * @param {() => Promise<void>} work
 */
async function inTurn(work) {
  if (putting < PARALLEL_PUTS) putting += 1;
  else await new Promise((resolve) => waiting.push(() => resolve(undefined)));
  try {
    await work();
  } finally {
    const next = waiting.shift();
    if (next) next(); // it takes this one's place
    else putting -= 1;
  }
}
