/** A folder on its way: its files as one, with their total. Holds no state of its own. */

import { SequenceTransfer } from "./sequence-transfer.js";

/** @typedef {import("./transfer.js").Transfer} Transfer */

export class Group {
  /**
   * @param {string} name
   * @param {Transfer[]} transfers
   */
  constructor(name, transfers) {
    this.name = name;
    this.transfers = transfers;
  }

  get done() {
    return this.transfers.filter((each) => each.state === "done").length;
  }

  get running() {
    return this.transfers.some((each) => each.running);
  }

  get totalBytes() {
    return sum(this.transfers, (each) => each.about.size);
  }

  get sentBytes() {
    return sum(this.transfers, (each) => (each.state === "done" ? each.about.size : each.sentBytes));
  }

  /** Bytes a second of those that are on the wire now. */
  get rate() {
    return sum(this.transfers, (each) => (each.state === "sending" ? each.rate : 0));
  }

  get secondsLeft() {
    return this.rate > 0 ? (this.totalBytes - this.sentBytes) / this.rate : Infinity;
  }

  /** Those that wait for a person. */
  get stuck() {
    return this.transfers.filter((each) => ["interrupted", "failed", "lost"].includes(each.state));
  }

  /** @returns {"done" | "running" | "paused" | "stuck"} */
  get state() {
    if (this.running) return "running";
    if (this.stuck.length > 0) return "stuck";
    return this.done === this.transfers.length ? "done" : "paused";
  }
}

/**
 * Cut a list of transfers into folders and single files, in the order in which they were begun.
 * @param {Transfer[]} all
 * @returns {(Transfer | Group)[]}
 */
export function grouped(all) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  /** @type {(Transfer | Group)[]} */
  const rows = [];
  for (const each of all) {
    if (!each.folder || each instanceof SequenceTransfer) {
      rows.push(each);
      continue;
    }
    const [top] = each.folder.split("/");
    const key = `${each.productionId}/${top}`;
    const found = groups.get(key);
    if (found) {
      found.transfers.push(each);
      continue;
    }
    const made = new Group(top, [each]);
    groups.set(key, made);
    rows.push(made);
  }
  return rows;
}

/**
 * @param {Transfer[]} transfers
 * @param {(transfer: Transfer) => number} of
 */
function sum(transfers, of) {
  let total = 0;
  for (const each of transfers) total += of(each);
  return total;
}
