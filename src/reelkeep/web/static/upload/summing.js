/** Asks the worker for the sums of parts. */

/** @type {Worker | null} */
let worker = null;
let next = 0;
/** @type {Map<number, {resolve: (sum: number) => void, reject: (problem: Error) => void}>} */
const waiting = new Map();

function start() {
  const made = new Worker("/static/upload/crc32-worker.js", { type: "module" });
  made.onmessage = ({ data }) => {
    const ask = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.problem) ask?.reject(new Error(data.problem));
    else ask?.resolve(data.sum);
  };
  return made;
}

/**
 * The CRC-32 of a part of a file.
 * @param {Blob} part
 * @returns {Promise<number>}
 */
export function sumOf(part) {
  worker ??= start();
  const id = next;
  next += 1;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker?.postMessage({ id, part });
  });
}
