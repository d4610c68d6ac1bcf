/** Support access in words, for the banner and the page. Pure; no I/O. */

/**
 * @typedef {{whole_company: boolean, production: string | null, with_media: boolean, given_by: string,
 *   given_at: string, ends_at: string}} Access
 * @typedef {{id: string, at: string, what: string, name: string | null, details: Record<string, any>}} Deed
 */

const CLOCK = new Intl.DateTimeFormat("en", { timeStyle: "short" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/**
 * Until when, with the day if it is not today's.
 * @param {string} moment
 */
function until(moment) {
  const end = new Date(moment);
  return (end.toDateString() === new Date().toDateString() ? CLOCK : DAY_AND_CLOCK).format(end);
}

/**
 * What may be looked at, and how long.
 * @param {Access} access
 */
export function scope(access) {
  const where = access.whole_company ? "the whole company" : access.production ? `the production ${access.production}` : "one production";
  return `${where}, ${access.with_media ? "with" : "without"} pictures and sound, until ${until(access.ends_at)}`;
}

/** What support does, by the request that is on record; the first that fits. What would change something is refused. */
const REQUESTS = /** @type {[RegExp, string][]} */ ([
  [/^GET .*\/me$/, "Opened a page"],
  [/^GET .*\/productions$/, "Looked at the list of productions"],
  [/^GET .*\/productions\/[^/]+\/assets$/, "Looked at the films of a production"],
  [/^GET .*\/productions\/[^/]+\/events$/, "Followed what changed in a production"],
  [/^POST .*\/browse-sessions$/, "Asked for the pictures of a production's films"],
  [/^POST .*\/playback-sessions$/, "Asked to play a version"],
  [/^GET .*\/assets\/[^/]+$/, "Looked at a film and its versions"],
  [/^GET .*\/versions\/[^/]+\/comments$/, "Read the comments on a version"],
  [/^GET .*\/versions\/[^/]+\/facts$/, "Looked at the facts of a version"],
  [/^GET .*\/versions\/[^/]+$/, "Looked at a version"],
  [/^GET /, "Looked at something else"],
  [/^reelkeep /, "Had names shown by a command"],
]);

/**
 * The request that a line of the record stands for; empty if it is not one.
 * @param {Deed} deed
 */
export function request({ details }) {
  return `${details.method ?? ""} ${details.path ?? ""}`.trim();
}

/**
 * What one line of the record says.
 * @param {Deed} deed
 */
export function deed(deed) {
  const { what, details } = deed;
  switch (what) {
    case "support.given":
      return `Let support look at ${details.production ? "one production" : "the whole company"}, ${details.with_media ? "with" : "without"} pictures and sound, for ${details.minutes} minutes`;
    case "support.ended":
      return "Ended it";
    case "support.link_made":
      return "Asked for a link to come in";
    case "support.signed_in":
      return "Came in by the link";
    case "support.refused":
      return "Asked to come in, and was refused: nobody had let support in";
    default:
      return REQUESTS.find(([form]) => form.test(request(deed)))?.[1] ?? "Sent another request";
  }
}
