/**
 * The company's HTTP API, as the page uses it.
 *
 * @typedef {{id: string, number: number, state: string, problem: string | null, advice?: string | null,
 *   file_name: string, size_bytes: number, published_frames: number | null, planned_frames: number | null,
 *   frames: number | null, rate: [number, number] | null, has_poster: boolean, uploaded_by: any, created_at: string,
 *   stored_at: string | null, ready_at: string | null, width_px: number | null, height_px: number | null,
 *   asset_id?: string, connection_id?: string, sequence?: Sequence | null}} Version
 * @typedef {{id: string, asset: string, number: number, file_name: string, size_bytes: number, may_be_restored: boolean,
 *   deleted_at: string, deleted_by: string}} DeletedVersion
 * @typedef {{kind: string, files: number, first_number: number, last_number: number, missing: number,
 *   gaps: [number, number][], rate: [number, number]}} Sequence
 * @typedef {{id: string, name: string, production_id: string, versions: Version[]}} Asset
 * @typedef {{name: string, input: string}} UsedLut
 * @typedef {{id: string, name: string, title: string, points: number, size_bytes: number, added_by: string, created_at: string}} Lut
 * @typedef {{id: string, slug: string, name: string, role: string | null, assets: number, first_frame: number, mark_bands: number, largest_edge_px: number,
 *   lut: {id: string, name: string, input: string, scope: string} | null,
 *   placement: {connection: string, bucket: string, state: string, inherited_from: string} | null}} Production
 * @typedef {{user: {id: string, name: string, email: string, is_company_admin: boolean, is_support: boolean},
 *   company: {name: string, slug: string}, media_origin: string, storage: StorageNotice[],
 *   support: import("./support-words.js").Access | null}} Me
 * @typedef {{connection_id: string, name: string, state: string, message: string, advice: string,
 *   answers_again: boolean}} StorageNotice
 * @typedef {{id: string, frame: number, last_frame: number | null, text: string, author: {id: string, name: string},
 *   created_at: string, edited_at: string | null, resolved_at: string | null, resolved_by: string | null}} Comment
 * @typedef {{number: number, size_bytes: number, crc32: string | null}} DonePart
 * @typedef {{id: string, version_id: string, asset_id: string, version_number: number, state: string,
 *   part_bytes: number, parts_total: number, done_parts: DonePart[]}} Upload
 * @typedef {{number: number, method: string, url: string, headers: Record<string, string>, expires_at: string}} PartRequest
 * @typedef {{name: string, kind: string, is_step: boolean, width_px: number | null, height_px: number | null,
 *   published_samples?: number, language?: string, title?: string, label?: string}} Rendition
 * @typedef {{integrated_lufs: number | null, range_lu: number | null, true_peak_dbtp: number | null}} Loudness
 * @typedef {{codec: string, channels: number, layout: string, rate_hz: number, language: string, title: string,
 *   streams: number, loudness: Loudness | null}} Sound
 * @typedef {{container: string, video_codec: string, width_px: number, height_px: number, rate: [number, number] | null,
 *   start_timecode: string | null, light?: string, lut?: UsedLut | null, sounds: Sound[], times?: {numerator: number, denominator: number, pictures: number,
 *   shortest_ticks: number, longest_ticks: number} | null}} Facts
 * @typedef {{base: string, manifest: string, expires_at: string, frames: number | null, planned_frames: number | null,
 *   rate: [number, number], start_timecode: {frame: number, drop_frame: boolean} | null, tiles: any, light: string, lut?: UsedLut | null,
 *   renditions: Rendition[]}} Playback
 */

/** What the server refused, in words for the person who must act. */
export class ApiError extends Error {
  /**
   * @param {number} status  0 if no answer came
   * @param {string} code
   * @param {string} message
   * @param {string} advice
   */
  constructor(status, code, message, advice) {
    super(message);
    this.status = status;
    this.code = code;
    this.advice = advice;
  }

  /** True if the same request may work later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const NO_ANSWER = new ApiError(
  0,
  "no_answer",
  "The server does not answer.",
  "Check your network; the page tries again by itself.",
);

/**
 * Send one request to the API.
 * @param {string} method
 * @param {string} path  below /api/v1
 * @param {unknown} [body]
 * @returns {Promise<any>}
 * @throws {ApiError} with the server's own words where it gave any
 */
export async function call(method, path, body) {
  /** @type {RequestInit} */
  const options = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { ...options.headers, "Content-Type": "application/json" };
  }
  const response = await fetch(`/api/v1${path}`, options).catch(() => null);
  if (!response) throw NO_ANSWER;
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  const { code = "error", message = `The server answered ${response.status}.`, advice = "" } = answer?.error ?? {};
  if (code === "sign_in") globalThis.dispatchEvent(new CustomEvent("reelkeep-signed-out"));
  throw new ApiError(response.status, code, message, advice);
}

export const get = (/** @type {string} */ path) => call("GET", path);
export const post = (/** @type {string} */ path, /** @type {unknown} */ body = {}) => call("POST", path, body);
export const patch = (/** @type {string} */ path, /** @type {unknown} */ body) => call("PATCH", path, body);
export const remove = (/** @type {string} */ path) => call("DELETE", path);
