/** Loads Shaka Player once, when the first picture is asked for. */

const SOURCE = "/static/vendor/shaka/shaka-player.dash.js";

/** @type {Promise<typeof shaka> | null} */
let loading = null;

/** @returns {Promise<typeof shaka>} */
export function loadShaka() {
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
 * The HTTP status in a Shaka error, or null: shaka.util.Error code 1001 is BAD_HTTP_STATUS, 6007 a refused licence.
 * @param {any} error
 * @returns {number | null}
 */
export function httpStatus(error) {
  if (error?.code === 1001) return error.data?.[1] ?? null;
  if (error?.code === 6007) return httpStatus(error.data?.[0]);
  return null;
}
