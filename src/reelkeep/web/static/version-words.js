/** A version's state in words for the people who wait for it. Pure; no I/O. */

/** @typedef {import("./api.js").Version} Version */

/**
 * True if the player can show pictures of it.
 * @param {Version} version
 */
export function isOpen(version) {
  return version.state === "ready" || version.state === "playable" || (version.state === "processing" && (version.published_frames ?? 0) > 0);
}

/**
 * How a picture is shown that is no standard-range one, or nothing: a picture made with a LUT is shown as it should be.
 * @param {string | undefined} light  `media.Light`
 * @param {import("./api.js").UsedLut | null | undefined} lut
 */
export function lightText(light, lut) {
  if (lut) return "";
  if (light === "pq" || light === "hlg") return "HDR, shown in standard range";
  if (light === "linear" || light === "log") return "Shown without the show's LUT";
  return "";
}

/** `luts.LutInput`: what scene-linear light is turned into before a LUT. */
export const LUT_INPUTS = /** @type {Record<string, string>} */ ({
  "acescct": "ACEScct of ACEScg",
  "acescct-from-aces": "ACEScct of ACES2065-1",
  "logc3": "ARRI LogC3 of Wide Gamut 3",
  "linear": "Scene-linear, cut at the LUT's domain",
});

/** States that change by themselves. */
export const MOVING_STATES = ["uploading", "stored", "processing", "playable"];

/**
 * @param {Version} version
 * @returns {number | null}  0 to 1 of the proxy, or null where it is not known
 */
export function proxyShare(version) {
  if (version.state !== "playable" && version.state !== "processing") return null;
  if (!version.planned_frames) return null;
  return Math.min(1, (version.published_frames ?? 0) / version.planned_frames);
}

/**
 * What the original of an image sequence is, in words; "" for one file.
 * @param {Version} version
 */
export function sequenceText(version) {
  const { sequence } = version;
  if (!sequence) return "";
  const span = `image sequence, ${sequence.files.toLocaleString("en-US")} files, ${sequence.first_number}–${sequence.last_number}`;
  if (!sequence.missing) return span;
  const told = sequence.gaps.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
  const all = sequence.gaps.reduce((total, [first, last]) => total + last - first + 1, 0) === sequence.missing;
  return `${span}, missing ${told}${all ? "" : " and more"}`;
}

/** @param {Version} version */
export function stateText(version) {
  switch (version.state) {
    case "uploading":
      return "Uploading";
    case "stored":
      return "Stored, waiting to be processed";
    case "processing":
      if (!isOpen(version)) return "Processing";
    // falls through
    case "playable":
      return `Playable, ${Math.floor(100 * (proxyShare(version) ?? 0))} % processed`;
    case "ready":
      return "Ready";
    case "failed":
      return "Could not be processed";
    case "cancelled":
      return "Stopped";
    case "deleted":
      return "Deleted";
    default:
      return version.state;
  }
}

/**
 * True if there is a job to stop.
 * @param {Version} version
 */
export function mayStop(version) {
  return version.state === "stored" || version.state === "processing" || version.state === "playable";
}

/**
 * True if nothing is made of it any more, so that it can be deleted.
 * @param {Version} version
 */
export function mayDelete(version) {
  return version.state === "ready" || version.state === "failed" || version.state === "cancelled";
}

/**
 * True if a stored original can be processed once more.
 * @param {Version} version
 */
export function mayAgain(version) {
  return (version.state === "failed" || version.state === "cancelled") && version.stored_at !== null;
}
