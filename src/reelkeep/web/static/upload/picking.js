/** Files from a drop or a picker, with a handle where the browser gives one (it survives a reload). */

import { filesBelow } from "./folders.js";

/** @typedef {{file: File, handle: FileSystemFileHandle | null, folder?: string}} Picked */

/**
 * @param {DataTransfer} data
 * @returns {Promise<Picked[]>}
 */
export function droppedFiles(data) {
  // A DataTransfer is emptied once its event is over: ask for everything before the first wait.
  const items = [...data.items].filter((item) => item.kind === "file");
  const folders = items.map((item) => item.webkitGetAsEntry?.() ?? null).filter((entry) => entry?.isDirectory);
  const asked = items.map((item) => ({ file: item.getAsFile(), handle: handleOf(item) }));
  return Promise.all([
    ...asked.map(async ({ file, handle }) => ({ file, handle: await handle })).map(async (one) => {
      const { file, handle } = await one;
      return file && isFile(handle) && !folders.some((entry) => entry?.name === file.name) ? [{ file, handle }] : [];
    }),
    ...folders.map(async (entry) => (entry ? (await filesBelow(entry)).map((filed) => ({ ...filed, handle: null })) : [])),
  ]).then((all) => all.flat());
}

/**
 * @param {DataTransferItem} item
 * @returns {Promise<FileSystemFileHandle | null>}
 */
async function handleOf(item) {
  const { getAsFileSystemHandle } = /** @type {any} */ (item);
  return getAsFileSystemHandle ? getAsFileSystemHandle.call(item).catch(() => null) : null;
}

/** A folder's handle is left out. @param {FileSystemHandle | null} handle */
function isFile(handle) {
  return handle === null || handle.kind === "file";
}

/**
 * Let the person choose files; empty if they choose none.
 * @param {{multiple?: boolean}} [options]
 * @returns {Promise<Picked[]>}
 */
export function pickedFiles({ multiple = true } = {}) {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = multiple;
    input.onchange = () => resolve([...(input.files ?? [])].map((file) => ({ file, handle: null })));
    input.oncancel = () => resolve([]);
    input.click();
  });
}
