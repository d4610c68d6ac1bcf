/** All transfers of this page, one file at a time on the wire; they go on while the person looks at other pages. */

import { grouped } from "./sequence.js";
import { SequenceTransfer } from "./sequence-transfer.js";
import { Transfer, keyOf } from "./transfer.js";
import { forget, keep, kept } from "./records.js";

/** @typedef {import("./picking.js").Picked} Picked */

/** Fires "change". */
class Uploads extends EventTarget {
  constructor() {
    super();
    /** @type {Transfer[]} */
    this.all = [];
    this.userId = "";
    addEventListener("beforeunload", (event) => {
      if (this.all.some((transfer) => transfer.running)) event.preventDefault();
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} productionId
   * @param {Picked[]} picked
   */
  add(productionId, picked) {
    /** @type {Picked[]} */
    const single = [];
    for (const folder of new Set(picked.map((one) => one.folder ?? ""))) {
      const inside = picked.filter((one) => (one.folder ?? "") === folder);
      const { sequences, others } = grouped(inside.map(({ file }) => file));
      for (const sequence of sequences) this.#ask(new SequenceTransfer(productionId, sequence, folder));
      single.push(...inside.filter(({ file }) => others.includes(file)));
    }
    this.#addFiles(productionId, single);
  }

  /**
   * Ask what numbered pictures are to be; those that were stopped go on without a question.
   * @param {SequenceTransfer} transfer
   */
  #ask(transfer) {
    const same = this.all.find((each) => each instanceof SequenceTransfer && each.about.name === transfer.about.name && each.folder === transfer.folder && each.state !== "done");
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
    for (const { file, handle, folder = "" } of picked) {
      const about = { name: file.name, size: file.size, lastModified: file.lastModified };
      const same = this.all.find((each) => each.productionId === productionId && each.about.name === about.name && each.clientKey === keyOf(about, folder));
      if (same && same.state !== "done") {
        if (!same.running) this.resumeWith(same, file);
        continue;
      }
      const transfer = new Transfer(productionId, about, file);
      transfer.handle = handle;
      transfer.folder = folder;
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
      const { uploadId, productionId, about, handle } = transfer;
      if (uploadId) keep({ uploadId, productionId, about, handle, userId: this.userId }).catch(() => {});
    });
  }

  /** Start the first waiting transfer if none is on the wire. */
  async #next() {
    if (this.all.some((each) => each.running && each.state !== "waiting")) return;
    const transfer = this.all.find((each) => each.state === "waiting");
    if (!transfer) return;
    await transfer.run();
    if (transfer.state === "done" && transfer.uploadId) await forget(transfer.uploadId).catch(() => {});
    this.#next();
  }

  /** @param {Transfer} transfer */
  pause(transfer) {
    transfer.pause();
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
      const transfer = new Transfer(entry.productionId, entry.about, null);
      transfer.uploadId = entry.uploadId;
      transfer.handle = entry.handle;
      this.#watch(transfer);
      this.all.push(transfer);
    }
    this.#changed();
  }
}

export const uploads = new Uploads();
