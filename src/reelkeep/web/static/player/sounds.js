/** The sound tracks of a film: what they are called, and which of them a person hears. Pure; no I/O. */

/**
 * @typedef {{language: string, title: string, label: string, text: string}} SoundTrack
 * @typedef {{language: string, title: string, label: string}} Choice
 */

const LANGUAGES = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

/**
 * A language's name in English, or its code where it has none.
 * @param {string} code
 */
export function languageText(code) {
  try {
    return LANGUAGES.of(code) ?? code;
  } catch {
    return code; // what files call a language may be no code at all
  }
}

/**
 * @param {import("../api.js").Rendition[]} renditions
 * @returns {SoundTrack[]}
 */
export function soundsOf(renditions) {
  const sounds = renditions.filter(({ kind }) => kind === "audio").map(({ language = "", title = "", label = "" }) => ({ language, title, label, text: textOf(language, title) }));
  const isTwice = (/** @type {string} */ text) => sounds.filter((each) => each.text === text).length > 1;
  return sounds.map((each, number) => ({ ...each, text: !each.text ? `Track ${number + 1}` : (isTwice(each.text) ? `${each.text} (${number + 1})` : each.text) }));
}

/**
 * @param {string} language
 * @param {string} title
 */
function textOf(language, title) {
  return [language && languageText(language), title].filter(Boolean).join(", ");
}

/**
 * The track that comes closest to what was chosen last, also in another film: the same label, else the same language.
 * @param {SoundTrack[]} sounds
 * @param {Choice | null} choice
 * @returns {SoundTrack | null}
 */
export function wantedSound(sounds, choice) {
  const same = (/** @type {SoundTrack} */ sound) => sound.language === choice?.language && sound.label === choice.label;
  const spoken = (/** @type {SoundTrack} */ sound) => choice !== null && choice.language !== "" && sound.language === choice.language;
  return sounds.find(same) ?? sounds.find(spoken) ?? sounds[0] ?? null;
}

/**
 * @param {SoundTrack} sound
 * @returns {Choice}
 */
export function choiceOf({ language, title, label }) {
  return { language, title, label };
}

/**
 * @param {unknown} value  of any form
 * @returns {boolean}
 */
export function isChoice(value) {
  const { language, title, label } = /** @type {any} */ (value ?? {});
  return [language, title, label].every((each) => typeof each === "string");
}
