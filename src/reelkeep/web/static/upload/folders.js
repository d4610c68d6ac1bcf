/** The files of dropped folders, to the bottom, without hidden ones. */

/** @typedef {{file: File, folder: string}} Filed  folder: "a/b", as the dropped one is called */

/**
 * @param {FileSystemEntry} entry  taken before the first wait of a drop
 * @returns {Promise<Filed[]>}
 */
export async function filesBelow(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ file, folder: entry.fullPath.split("/").slice(1, -1).join("/") }];
  }
  const found = [];
  for (const below of await entriesOf(/** @type {FileSystemDirectoryEntry} */ (entry))) found.push(...(await filesBelow(below)));
  return found;
}

/**
 * A reader gives some entries at a time, and none at the end.
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
