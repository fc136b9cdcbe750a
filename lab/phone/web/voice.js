// The line's voice: the browser's own, one prompt after another, cut short by the caller.

import { byId, kept } from "./api.js";

const synth = window.speechSynthesis;
const box = byId("aloud");
const queue = [];
let speaking = null; // the element whose words are being spoken
let turn = 0; // counts stops: what ends later belongs to a prompt that was cut short

export const hasVoices = () => Boolean(synth) && synth.getVoices().length > 0;

function found() {
  const none = !hasVoices();
  box.disabled = none;
  byId("no-voices").hidden = !none;
  box.checked = !none && kept.get("aloud", "yes") === "yes";
  byId("log").setAttribute("aria-live", aloud() ? "off" : "polite"); // two voices at once help nobody
}

// start tells, now and whenever it changes, that the phone speaks or does not.
export function start(told) {
  const look = () => { found(); told(aloud()); };
  if (synth) synth.addEventListener("voiceschanged", look);
  box.addEventListener("change", () => {
    kept.set("aloud", box.checked ? "yes" : "no");
    if (!box.checked) stop();
    look();
  });
  window.addEventListener("pagehide", stop);
  look();
}

export const aloud = () => box.checked && hasVoices();

// busy says whether the line still has something to say.
export const busy = () => speaking !== null || queue.length > 0;

export function say(element, language) {
  if (!aloud()) return;
  queue.push({ element, language });
  if (!speaking) next();
}

export function stop() {
  turn++;
  queue.length = 0;
  mark(null);
  if (synth) synth.cancel();
}

function next() {
  const item = queue.shift();
  if (!item) return mark(null);
  const mine = turn;
  const words = new SpeechSynthesisUtterance(item.element.dataset.words);
  words.lang = item.language || "en-US";
  words.onend = words.onerror = () => { if (mine === turn) next(); };
  mark(item.element);
  synth.speak(words);
}

function mark(element) {
  if (speaking) speaking.classList.remove("speaking");
  speaking = element;
  if (speaking) speaking.classList.add("speaking");
}
