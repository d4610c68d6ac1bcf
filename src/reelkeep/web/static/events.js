/** Live changes of a production, by WebSocket; it connects again by itself and then asks for a fresh read. */

import { get } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/**
 * Listen to a production's changes.
 * @param {string} productionId
 * @param {(event: {what: string, version?: import("./api.js").Version,
 *   production?: {id: string, name: string, first_frame: number}}) => void} onEvent
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

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/productions/${productionId}/events`);
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      onOpen();
    };
    socket.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event && typeof event.what === "string") onEvent(event);
    };
    socket.onclose = () => {
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
    socket?.close();
  };
}
