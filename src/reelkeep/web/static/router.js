/** Addresses of the page and the way between them, by the history API. */

/**
 * @typedef {{page: "signin", next: string}
 *   | {page: "productions"}
 *   | {page: "production", id: string}
 *   | {page: "storage"}
 *   | {page: "network"}
 *   | {page: "processes"}
 *   | {page: "support"}
 *   | {page: "support-sign-in"}
 *   | {page: "asset", id: string, version: number | null, frame: number | null}
 *   | {page: "missing"}} Route
 */

/**
 * Read an address. Pure.
 * @param {URL | Location} url
 * @returns {Route}
 */
export function readRoute(url) {
  const query = new URLSearchParams(url.search);
  const parts = url.pathname.split("/").filter(Boolean);
  if (parts.length === 0) return { page: "productions" };
  if (parts[0] === "signin" && parts.length === 1) return { page: "signin", next: localPath(query.get("next")) };
  if (parts[0] === "storage" && parts.length === 1) return { page: "storage" };
  if (parts[0] === "network" && parts.length === 1) return { page: "network" };
  if (parts[0] === "processes" && parts.length === 1) return { page: "processes" };
  if (parts[0] === "support" && parts.length === 1) return { page: "support" };
  if (parts[0] === "support-sign-in" && parts.length === 1) return { page: "support-sign-in" };
  if (parts[0] === "productions" && parts.length === 1) return { page: "productions" };
  if (parts[0] === "productions" && parts.length === 2) return { page: "production", id: parts[1] };
  if (parts[0] === "assets" && parts.length === 2) {
    return { page: "asset", id: parts[1], version: wholeNumber(query.get("version")), frame: wholeNumber(query.get("frame")) };
  }
  return { page: "missing" };
}

/**
 * Only a path on this site may follow the sign-in: "//host" and "/\host" would lead elsewhere.
 * @param {string | null} path
 */
function localPath(path) {
  return path && /^\/(?![/\\])/.test(path) ? path : "/";
}

/** @param {string | null} text */
function wholeNumber(text) {
  return text && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/**
 * Go to another address without loading the page again.
 * @param {string} path
 * @param {{replace?: boolean}} [options]
 */
export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  globalThis.dispatchEvent(new CustomEvent("reelkeep-route"));
}

/**
 * Follow a click on an inner link, unless the person wants a new tab.
 * @param {MouseEvent} event
 */
export function followLink(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
