/**
 * What the bucket lets this very page do: the bucket's CORS rules, as this browser enforces them and not as somebody
 * reads them. Nothing is written: what is sent to be refused is signed for reading.
 */

import { post } from "../api.js";

/** Headers of an answer that uploads and the player need; ETag and ranges by name, request ids for the log. */
const NEEDED = ["etag", "content-range", "x-amz-request-id"];

/**
 * @typedef {{reads: boolean, writes: boolean, headers: string[], missing: string[]}} BrowserSaw
 */

/**
 * @param {string} connectionId
 * @returns {Promise<BrowserSaw>}
 * @throws {import("../api.js").ApiError}
 */
export async function tryFromHere(connectionId) {
  const { url, headers } = await post(`/storage/connections/${connectionId}/browser-link`);
  const answer = await quietly(url, { headers: { ...headers, Range: "bytes=0-0" } });
  const refused = await quietly(url, { method: "PUT", body: "", headers: { ...headers, "x-amz-checksum-crc32": "AAAAAA==" } });
  const seen = NEEDED.filter((name) => answer?.headers.has(name));
  const saw = { reads: answer?.ok ?? false, writes: refused !== null, headers: seen };
  await post(`/storage/connections/${connectionId}/browser-checks`, saw);
  return { ...saw, missing: NEEDED.filter((name) => !seen.includes(name)) };
}

/**
 * An answer that this page may see, or null: a browser tells a page no more of what CORS forbids.
 * @param {string} url
 * @param {RequestInit} options
 */
function quietly(url, options) {
  return fetch(url, { ...options, mode: "cors", cache: "no-store", credentials: "omit" }).catch(() => null);
}

/**
 * @param {BrowserSaw} saw
 * @returns {{text: string, good: boolean}[]}
 */
export function sentencesOf({ reads, writes, missing }) {
  const fix = "Allow this site's address in the bucket's CORS rules; the stack's parameter SiteOrigins lists them.";
  return [
    { good: reads, text: reads ? "This browser reads from the bucket." : `This browser may not read from the bucket. ${fix}` },
    { good: writes, text: writes ? "This browser may send files to it." : `This browser may not send files to it. ${fix}` },
    ...(reads ? [{ good: missing.length === 0, text: missing.length === 0 ? "It sees the headers that it needs." : `It does not see ${missing.join(", ")}: expose them in the CORS rules.` }] : []),
  ];
}
