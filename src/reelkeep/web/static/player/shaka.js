/** Loads Shaka Player once, when the first picture is asked for, and puts it on a video element. */

const SOURCE = "/static/vendor/shaka/shaka-player.dash.js";

/** Requests for segments not yet published are held by the server and then answered 503: keep asking. */
const RETRIES = { maxAttempts: 40, baseDelay: 700, backoffFactor: 1.2, fuzzFactor: 0.3, timeout: 30_000, stallTimeout: 20_000 };

/** Where nobody says another one (sound alone): see BUFFER_SECONDS in playback.js. */
const BUFFER_SECONDS = 8;

/** @type {Promise<typeof shaka> | null} */
let loading = null;

/** @returns {Promise<typeof shaka>} */
function loadShaka() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.onload = () => {
      const { shaka: loaded } = /** @type {{shaka: typeof shaka}} */ (/** @type {unknown} */ (globalThis));
      loaded.polyfill.installAll();
      resolve(loaded);
    };
    script.onerror = () => {
      loading = null;
      reject(new Error("The player could not be loaded from this server."));
    };
    document.head.append(script);
  });
  return loading;
}

/**
 * @param {HTMLVideoElement} video
 * @param {import("./watching.js").Watching} watching  whose addresses every request takes, also after it was renewed
 * @param {(error: any) => void} onProblem
 * @returns {Promise<shaka.Player>}
 */
export async function attachPlayer(video, watching, onProblem) {
  const { Player } = await loadShaka();
  const player = new Player();
  player.addEventListener("error", (event) => onProblem(/** @type {any} */ (event).detail));
  player.getNetworkingEngine()?.registerRequestFilter((_type, request) => {
    request.uris = request.uris.map((uri) => watching.current(uri));
  });
  player.addEventListener("downloadfailed", async (event) => {
    const { request, httpResponseCode } = /** @type {any} */ (event);
    if (!sessionEnded(httpResponseCode)) return;
    await watching.renew();
    request.uris = request.uris.map((/** @type {string} */ uri) => watching.current(uri)); // its next attempt takes them
  });
  await player.attach(video);
  player.configure({ streaming: { retryParameters: RETRIES, bufferingGoal: BUFFER_SECONDS }, manifest: { retryParameters: { ...RETRIES, maxAttempts: 4 } } });
  return player;
}

/**
 * Play the sound track of this label, unless it is played already; what is buffered of another one is dropped.
 * @param {shaka.Player | null} player
 * @param {string | null} label
 */
export function hear(player, label) {
  const track = player?.getAudioTracks().find((each) => each.label === label);
  if (track && !track.active) player?.selectAudioTrack(track);
}

/**
 * True if an answer says that the playback session is over, or may be.
 * @param {number | null} status
 */
export function sessionEnded(status) {
  return status !== null && [401, 403, 404, 410].includes(status);
}

/**
 * The HTTP status in a Shaka error, or null: shaka.util.Error code 1001 is BAD_HTTP_STATUS, 6007 a refused licence.
 * @param {any} error
 * @returns {number | null}
 */
export function httpStatus(error) {
  if (error?.code === 1001) return error.data?.[1] ?? null;
  if (error?.code === 6007) return httpStatus(error.data?.[0]);
  return null;
}
