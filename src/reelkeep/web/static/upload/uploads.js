/** All transfers of this page, one large file at a time, or many small ones; they go on while the person looks at other pages. */

import { grouped } from "./sequence.js";
import { SequenceTransfer } from "./sequence-transfer.js";
import { MAX_SMALL_BYTES, SmallTransfer } from "./small-transfer.js";
import { Transfer } from "./transfer.js";
import { forget, keep, kept } from "./records.js";

/** @typedef {import("./picking.js").Picked} Picked */

/** Small files under way at once, so that they share calls of the platform; few of them are on the wire. */
const SMALL_AT_ONCE = 100;
/** Links are signed before the first of them is used, and live for 15 minutes. */
const SMALL_BYTES_AT_ONCE = 128 * 2 ** 20;

/** Whoever shows all transfers looks at every one each time: so often that it takes a small share of the time. */
const TRANSFERS_IN_A_MS = 20;
const MOST_QUIET_MS = 500;

/** Fires "change". */
class Uploads extends EventTarget {
  constructor() {
    super();
    /** @type {Transfer[]} */
    this.all = [];
    this.userId = "";
    this.toldAt = -Infinity;
    /** Of the timer that will tell. */
    this.telling = 0;
    addEventListener("beforeunload", (event) => {
      if (this.all.some((transfer) => transfer.running)) event.preventDefault();
    });
  }

  /** Tell of a change: at once where there are few transfers, now and then where there are thousands. */
  #changed() {
    if (this.telling) return;
    const wait = this.toldAt + Math.min(MOST_QUIET_MS, this.all.length / TRANSFERS_IN_A_MS) - performance.now();
    if (wait <= 0) this.#tell();
    else this.telling = setTimeout(() => this.#tell(), wait);
  }

  #tell() {
    this.telling = 0;
    this.toldAt = performance.now();
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} productionId
   * @param {Picked[]} picked
   */
  add(productionId, picked) {
    /** @type {Picked[]} */
    const single = [];
    for (const folder of new Set(picked.map((one) => one.folder))) {
      const inside = picked.filter((one) => one.folder === folder);
      const { sequences, others } = grouped(inside.map(({ file }) => file));
      const alone = new Set(others);
      for (const sequence of sequences) this.#ask(new SequenceTransfer(productionId, sequence, folder));
      single.push(...inside.filter(({ file }) => alone.has(file)));
    }
    this.#addFiles(productionId, single);
  }

  /**
   * Ask what numbered pictures are to be; those that were stopped go on without a question.
   * @param {SequenceTransfer} transfer
   */
  #ask(transfer) {
    const same = this.all.find((each) => each instanceof SequenceTransfer && each.state !== "done" && nameOf(each) === nameOf(transfer));
    if (same) {
      if (!same.running && same.state !== "asked") this.resume(same);
      return;
    }
    transfer.addEventListener("change", () => this.#changed());
    this.all.push(transfer);
  }

  /**
   * @param {SequenceTransfer} transfer
   * @param {[number, number]} rate
   */
  asFilm(transfer, rate) {
    transfer.filmRate = rate;
    this.resume(transfer);
  }

  /** @param {SequenceTransfer} transfer */
  asPictures(transfer) {
    this.all = this.all.filter((each) => each !== transfer);
    this.#addFiles(transfer.productionId, transfer.sequence.files.map((file) => ({ file, handle: null, folder: transfer.folder })));
  }

  /**
   * @param {string} productionId
   * @param {Picked[]} picked
   */
  #addFiles(productionId, picked) {
    const open = new Map(this.all.filter((each) => each.state !== "done").map((each) => [nameOf(each), each]));
    for (const { file, handle, folder } of picked) {
      const about = { name: file.name, size: file.size, lastModified: file.lastModified };
      const transfer = new (file.size <= MAX_SMALL_BYTES ? SmallTransfer : Transfer)(productionId, about, file, folder);
      const same = open.get(nameOf(transfer));
      if (same) {
        if (!same.running) this.resumeWith(same, file);
        continue;
      }
      transfer.handle = handle;
      this.#watch(transfer);
      this.all.push(transfer);
    }
    this.#next();
    this.#changed();
  }

  /** @param {Transfer} transfer */
  #watch(transfer) {
    transfer.addEventListener("change", () => this.#changed());
    transfer.addEventListener("begun", () => {
      const { uploadId, productionId, about, handle, folder } = transfer;
      const isSmall = transfer instanceof SmallTransfer;
      if (uploadId) keep({ uploadId, productionId, about, handle, folder, isSmall, userId: this.userId }).catch(() => {});
    });
  }

  /** Start the transfers that wait, as many as may be on the wire at once. */
  #next() {
    for (;;) {
      const transfer = this.all.find((each) => each.state === "waiting");
      const busy = this.all.filter((each) => each.running && each.state !== "waiting");
      if (!transfer || (busy.length > 0 && !mayJoin(busy, transfer))) return;
      this.#run(transfer);
    }
  }

  /** @param {Transfer} transfer */
  async #run(transfer) {
    await transfer.run();
    if (transfer.state === "done" && transfer.uploadId) await forget(transfer.uploadId).catch(() => {});
    this.#next();
  }

  /** @param {Transfer} transfer */
  pause(transfer) {
    transfer.pause();
    this.#next();
  }

  /**
   * Pause all of them that are under way or wait for their turn.
   * @param {Transfer[]} transfers
   */
  pauseAll(transfers) {
    for (const each of transfers) if (each.running && each.state !== "finishing") each.pause();
    this.#next();
  }

  /**
   * Go on with all of them that can without being picked again.
   * @param {Transfer[]} transfers
   */
  resumeAll(transfers) {
    for (const each of transfers) {
      if (each.file && ["paused", "interrupted", "failed"].includes(each.state)) {
        each.problem = null;
        each.state = "waiting";
      }
    }
    this.#next();
    this.#changed();
  }

  /**
   * Cancel all of them that are not stored, and take them all from the list.
   * @param {Transfer[]} transfers
   */
  async cancelAll(transfers) {
    const gone = new Set(transfers);
    this.all = this.all.filter((each) => !gone.has(each));
    this.#changed();
    for (const each of transfers) {
      if (each.state !== "done") await each.cancel();
      if (each.uploadId) await forget(each.uploadId).catch(() => {});
    }
    this.#next();
  }

  /** @param {Transfer} transfer */
  resume(transfer) {
    transfer.state = "waiting";
    this.#next();
    this.#changed();
  }

  /**
   * Go on with a file that was picked again.
   * @param {Transfer} transfer
   * @param {File} file
   */
  resumeWith(transfer, file) {
    const { name, size, lastModified } = transfer.about;
    if (file.size !== size || file.name !== name || file.lastModified !== lastModified) {
      transfer.problem = { message: "This is not the same file.", advice: `Pick ${name} as it was when the upload began.` };
      this.#changed();
      return;
    }
    transfer.file = file;
    transfer.problem = null;
    this.resume(transfer);
  }

  /**
   * Open the file by the handle that was kept; the browser may ask the person.
   * @param {Transfer} transfer
   * @returns {Promise<boolean>} false if the file must be picked
   */
  async reopen(transfer) {
    const handle = /** @type {any} */ (transfer.handle);
    if (!handle) return false;
    const allowed = await handle.requestPermission?.({ mode: "read" }).catch(() => "denied");
    const file = allowed === "granted" ? await handle.getFile().catch(() => null) : null;
    if (file) this.resumeWith(transfer, file);
    return file !== null;
  }

  /** @param {Transfer} transfer */
  async cancel(transfer) {
    await transfer.cancel();
    await this.dismiss(transfer);
  }

  /** @param {Transfer} transfer */
  async dismiss(transfer) {
    this.all = this.all.filter((each) => each !== transfer);
    if (transfer.uploadId) await forget(transfer.uploadId).catch(() => {});
    this.#next();
    this.#changed();
  }

  /**
   * Bring back what a reload interrupted.
   * @param {string} userId
   */
  async restore(userId) {
    if (this.userId === userId) return;
    this.userId = userId;
    for (const entry of await kept().catch(() => [])) {
      if (entry.userId !== userId || this.all.some((each) => each.uploadId === entry.uploadId)) continue;
      const transfer = new (entry.isSmall ? SmallTransfer : Transfer)(entry.productionId, entry.about, null, entry.folder);
      transfer.uploadId = entry.uploadId;
      transfer.handle = entry.handle;
      this.#watch(transfer);
      this.all.push(transfer);
    }
    this.#changed();
  }
}

/** @param {Transfer} transfer */
function nameOf({ productionId, folder, about }) {
  return JSON.stringify([productionId, folder, about.name, about.size, about.lastModified]);
}

/**
 * Tell whether one more may run beside those under way.
 * @param {Transfer[]} busy
 * @param {Transfer} transfer
 */
function mayJoin(busy, transfer) {
  const all = [...busy, transfer];
  const bytes = all.reduce((total, each) => total + each.about.size, 0);
  return all.length <= SMALL_AT_ONCE && bytes <= SMALL_BYTES_AT_ONCE && all.every((each) => each instanceof SmallTransfer);
}

export const uploads = new Uploads();
