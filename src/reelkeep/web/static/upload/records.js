/** What a reload must not lose: which files were on their way, kept in IndexedDB, without a byte of the file itself. */

const NAME = "reelkeep-uploads";
const STORE = "transfers";

/**
 * @typedef {{uploadId: string, productionId: string, userId: string,
 *   folder?: string, isSmall?: boolean, about: {name: string, size: number, lastModified: number}, handle: FileSystemFileHandle | null}} Entry
 */

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "uploadId" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>}
 */
async function inStore(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** @param {Entry} entry */
export const keep = (entry) => inStore("readwrite", (store) => store.put(entry));
/** @param {string} uploadId */
export const forget = (uploadId) => inStore("readwrite", (store) => store.delete(uploadId));
/** @returns {Promise<Entry[]>} */
export const kept = () => inStore("readonly", (store) => store.getAll());
