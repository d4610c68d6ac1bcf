/** Live changes of a production, by WebSocket; it connects again by itself and then asks for a fresh read. */

import { get } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server tells at once of storage that is out of use; after this long without it, there is none. */
const STORAGE_TOLD_MS = 1_500;

/**
 * @typedef {{connection_id: string, state: string, code: string, message: string, advice: string}} Stopped
 * @typedef {{stopped: Stopped[], away: string[]}} StorageNews  connections out of use, and ids of those that do not answer
 * @typedef {{what: string, version?: import("./api.js").Version, production?: {id: string, name: string, first_frame: number},
 *   stopped?: Stopped[], away?: string[]}} LiveEvent
 */

/**
 * Listen to a production's changes.
 * @param {string} productionId
 * @param {(event: LiveEvent) => void} onEvent
 * @param {() => void} [onOpen]  called when a connection stands, the first too: changes before it may have been missed
 * @returns {() => void} stops listening
 */
export function listen(productionId, onEvent, onOpen = () => {}) {
  let stopped = false;
  let wait = FIRST_WAIT_MS;
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet;

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/productions/${productionId}/events`);
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      quiet = setTimeout(() => onEvent({ what: "storage", stopped: [], away: [] }), STORAGE_TOLD_MS);
      onOpen();
    };
    socket.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (!event || typeof event.what !== "string") return;
      if (event.what === "storage") {
        clearTimeout(quiet);
        dispatchEvent(new CustomEvent("reelkeep-storage"));
      }
      onEvent(event);
    };
    socket.onclose = () => {
      clearTimeout(quiet);
      if (stopped) return;
      get("/me").catch(() => {}); // a refused socket does not say why; this asks to sign in if that is it
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };
  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(quiet);
    socket?.close();
  };
}
