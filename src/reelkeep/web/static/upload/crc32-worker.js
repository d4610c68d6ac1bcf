/** Reads a file's parts and sums them, off the page's own thread, in pieces that keep memory small. */

import { crc32 } from "./crc32.js";

const PIECE_BYTES = 4 * 1024 * 1024;

globalThis.onmessage = async (/** @type {MessageEvent<{id: number, part: Blob}>} */ { data }) => {
  try {
    let sum = 0;
    for (let at = 0; at < data.part.size; at += PIECE_BYTES) {
      sum = crc32(new Uint8Array(await data.part.slice(at, at + PIECE_BYTES).arrayBuffer()), sum);
    }
    postMessage({ id: data.id, sum });
  } catch {
    postMessage({ id: data.id, problem: "The file can no longer be read: it was moved, changed or unplugged." });
  }
};
