/** Sends one part to the store, with progress, and says what its refusal means. */

/** Headers that a browser sets by itself and lets no page set. */
const BROWSERS_OWN = ["host", "content-length", "connection"];

export class SendProblem extends Error {
  /**
   * @param {number} status  0 if no answer came
   */
  constructor(status) {
    super(status === 0 ? "The connection to the store broke." : `The store refused a part of the file (answer ${status}).`);
    this.status = status;
  }

  /** The signed address has run out, or the clock moved: ask for a new one. */
  get wantsNewAddress() {
    return this.status === 403 || this.status === 401;
  }

  /** An object of this name is there, and none is ever replaced (`If-None-Match: *`). */
  get isThereAlready() {
    return this.status === 412;
  }

  /** The same part may work a moment later; 409 says that another try of it is not over yet. */
  get passing() {
    return this.status === 0 || [408, 409, 429].includes(this.status) || this.status >= 500;
  }
}

/**
 * PUT a part to the address that was signed for it.
 * @param {import("./transfer.js").Signed} request
 * @param {Blob} body
 * @param {(bytes: number) => void} onProgress  called with how much of the part has gone
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 * @throws {SendProblem} or the signal's reason
 */
export function sendPart(request, body, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const sender = new XMLHttpRequest();
    sender.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      if (!BROWSERS_OWN.includes(name.toLowerCase())) sender.setRequestHeader(name, value);
    }
    const stop = () => sender.abort();
    signal.addEventListener("abort", stop);
    sender.upload.onprogress = (event) => onProgress(event.loaded);
    sender.onloadend = () => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (sender.status >= 200 && sender.status < 300) resolve();
      else reject(new SendProblem(sender.status));
    };
    if (signal.aborted) reject(signal.reason);
    else sender.send(body);
  });
}
