/** The player's keys: one table for the handler and for the overlay that shows them. Pure; no I/O. */

/**
 * @typedef {"toggle" | "stop" | "back" | "forward" | "stepBack" | "stepForward" | "stepBack10" | "stepForward10" |
 *   "first" | "last" | "markIn" | "markOut" | "goIn" | "goOut" | "clearMarks" | "loop" | "mute" | "louder" | "quieter" |
 *   "faster" | "slower" | "ownSpeed" | "zoom" | "panUp" | "panLeft" | "panDown" | "panRight" | "quality" | "count" |
 *   "fullScreen" | "track" | "comment" | "goTo" | "help" | "previousComment" | "nextComment"} Action
 * @typedef {{action: Action, keys: string[], shown: string, does: string, group: string}} Binding
 */

/** @type {Binding[]} */
export const BINDINGS = [
  { action: "toggle", keys: [" "], shown: "Space", does: "Play or pause", group: "Play" },
  { action: "back", keys: ["j"], shown: "J", does: "Backward; again for 2×, 4×, 8×", group: "Play" },
  { action: "stop", keys: ["k"], shown: "K", does: "Stop", group: "Play" },
  { action: "forward", keys: ["l"], shown: "L", does: "Forward; again for 2×, 4×, 8×", group: "Play" },
  { action: "slower", keys: ["-"], shown: "−", does: "Slower, down to 0.25×", group: "Play" },
  { action: "faster", keys: ["+"], shown: "+", does: "Faster, up to 2×", group: "Play" },
  { action: "ownSpeed", keys: ["="], shown: "=", does: "The film's own speed", group: "Play" },
  { action: "mute", keys: ["m"], shown: "M", does: "Sound off or on", group: "Play" },
  { action: "louder", keys: ["ArrowUp"], shown: "↑", does: "Louder", group: "Play" },
  { action: "quieter", keys: ["ArrowDown"], shown: "↓", does: "Quieter", group: "Play" },
  { action: "track", keys: ["n"], shown: "N", does: "Next sound track, of several", group: "Play" },
  { action: "stepBack", keys: ["ArrowLeft"], shown: "←", does: "One frame back", group: "Frames" },
  { action: "stepForward", keys: ["ArrowRight"], shown: "→", does: "One frame on", group: "Frames" },
  { action: "stepBack10", keys: ["Shift+ArrowLeft"], shown: "Shift ←", does: "Ten frames back", group: "Frames" },
  { action: "stepForward10", keys: ["Shift+ArrowRight"], shown: "Shift →", does: "Ten frames on", group: "Frames" },
  { action: "first", keys: ["Home"], shown: "Home", does: "First frame", group: "Frames" },
  { action: "last", keys: ["End"], shown: "End", does: "Last frame", group: "Frames" },
  { action: "goTo", keys: ["g"], shown: "G", does: "Type a timecode or frame", group: "Frames" },
  { action: "count", keys: ["t"], shown: "T", does: "Say places as timecode or frames", group: "Frames" },
  { action: "markIn", keys: ["i"], shown: "I", does: "Set in point", group: "Range" },
  { action: "markOut", keys: ["o"], shown: "O", does: "Set out point", group: "Range" },
  { action: "goIn", keys: ["Shift+I"], shown: "Shift I", does: "Go to in point", group: "Range" },
  { action: "goOut", keys: ["Shift+O"], shown: "Shift O", does: "Go to out point", group: "Range" },
  { action: "clearMarks", keys: ["x"], shown: "X", does: "Clear in and out", group: "Range" },
  { action: "loop", keys: ["p"], shown: "P", does: "Loop on or off", group: "Range" },
  { action: "zoom", keys: ["z"], shown: "Z", does: "Fit, or 1:1 with the screen's pixels", group: "Picture" },
  { action: "panUp", keys: ["w"], shown: "W", does: "At 1:1, look further up", group: "Picture" },
  { action: "panLeft", keys: ["a"], shown: "A", does: "Further left", group: "Picture" },
  { action: "panDown", keys: ["s"], shown: "S", does: "Further down", group: "Picture" },
  { action: "panRight", keys: ["d"], shown: "D", does: "Further right", group: "Picture" },
  { action: "quality", keys: ["q"], shown: "Q", does: "Next quality: automatic, then each", group: "Picture" },
  { action: "fullScreen", keys: ["f"], shown: "F", does: "Full screen", group: "Picture" },
  { action: "comment", keys: ["c"], shown: "C", does: "Comment on this frame or range", group: "Review" },
  { action: "previousComment", keys: [","], shown: ",", does: "Previous comment", group: "Review" },
  { action: "nextComment", keys: ["."], shown: ".", does: "Next comment", group: "Review" },
  { action: "help", keys: ["?"], shown: "?", does: "This list", group: "Review" },
];

/** @type {Map<string, Action>} */
const BY_KEY = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding.action])));

/**
 * Which action a key press asks for, or null.
 * @param {{key: string, shiftKey: boolean, ctrlKey: boolean, metaKey: boolean, altKey: boolean}} event
 * @returns {Action | null}
 */
export function actionFor(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const letter = event.key.length === 1;
  if (event.shiftKey && (event.key.startsWith("Arrow") || /^[a-z]$/i.test(event.key))) {
    return BY_KEY.get(`Shift+${letter ? event.key.toUpperCase() : event.key}`) ?? null;
  }
  return BY_KEY.get(letter ? event.key.toLowerCase() : event.key) ?? null;
}
