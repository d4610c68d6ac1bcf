/** Files and folders from a drop or a picker, with a handle where the browser gives one (it survives a reload). */

/** @typedef {{file: File, handle: FileSystemFileHandle | null, folder: string}} Picked  folder: "a/b", "" for a file by itself */

/**
 * @param {DataTransfer} data
 * @returns {Promise<Picked[]>}
 */
export async function droppedFiles(data) {
  // A DataTransfer is emptied once its event is over: ask for everything before the first wait.
  const items = [...data.items].filter((item) => item.kind === "file");
  const asked = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile(), handle: handleOf(item) }));
  /** @type {Picked[]} */
  const found = [];
  for (const { entry, file, handle } of asked) {
    if (entry?.isDirectory) await walk(/** @type {FileSystemDirectoryEntry} */ (entry), "", found);
    else if (file) found.push({ file, handle: fileHandle(await handle), folder: "" });
  }
  return found;
}

/**
 * Take what is in a folder, to the bottom; hidden files and folders are left out.
 * @param {FileSystemDirectoryEntry} directory
 * @param {string} above
 * @param {Picked[]} found
 */
async function walk(directory, above, found) {
  const folder = above ? `${above}/${directory.name}` : directory.name;
  const entries = await entriesOf(directory);
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory) await walk(/** @type {FileSystemDirectoryEntry} */ (entry), folder, found);
    else found.push({ file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)), handle: null, folder });
  }
}

/**
 * @param {FileSystemDirectoryEntry} directory
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(directory) {
  const reader = directory.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all; // a reader gives a hundred or so at a time
    all.push(...some);
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/**
 * @param {DataTransferItem} item
 * @returns {Promise<FileSystemFileHandle | null>}
 */
async function handleOf(item) {
  const { getAsFileSystemHandle } = /** @type {any} */ (item);
  return getAsFileSystemHandle ? getAsFileSystemHandle.call(item).catch(() => null) : null;
}

/**
 * @param {FileSystemHandle | null} handle
 * @returns {FileSystemFileHandle | null}
 */
function fileHandle(handle) {
  return handle?.kind === "file" ? /** @type {FileSystemFileHandle} */ (handle) : null;
}

/**
 * Let the person choose files, or a folder with all that is in it; empty if they choose none.
 * @param {{multiple?: boolean, folder?: boolean}} [options]
 * @returns {Promise<Picked[]>}
 */
export function pickedFiles({ multiple = true, folder = false } = {}) {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = multiple;
    input.webkitdirectory = folder;
    input.onchange = () => resolve([...(input.files ?? [])].map(picked).filter((each) => each !== null));
    input.oncancel = () => resolve([]);
    input.click();
  });
}

/**
 * @param {File} file
 * @returns {Picked | null} null for what is hidden in a folder
 */
function picked(file) {
  const path = file.webkitRelativePath.split("/");
  if (path.length > 1 && path.some((name) => name.startsWith("."))) return null;
  return { file, handle: null, folder: path.slice(0, -1).join("/") };
}
