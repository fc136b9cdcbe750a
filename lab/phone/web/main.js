// The phone: dialing, hearing, keys, words, silence, and the payment keypad.

import { byId, el, kept, post, state } from "./api.js";
import * as dashboard from "./dashboard.js";
import * as ring from "./ring.js";
import * as voice from "./voice.js";

let sid = sessionStorage.getItem("call") || "";
let call = null; // what is known of the call
let drawn = 0; // lines of it that stand on the page
let acting = false; // an act is on its way
let acts = 0; // counts them: what was asked for before one says nothing of what came after
let deadline = 0; // when silence becomes an answer; 0: not counting
const waiting = []; // keys pressed faster than they are sent

const inCall = () => call !== null && call.ask.kind !== "ended";
const asking = () => inCall() && ["gather", "pay"].includes(call.ask.kind);

// ── What is seen ────────────────────────────────────────────────────────────────────────

async function refresh() {
  const asked = sid;
  const before = acts;
  const view = await state(asked);
  dashboard.show(view);
  if (asked === sid && before === acts) {
    if (!view.call) forget();
    else if (acting) drawLines(view.call); // the act's own answer says what is asked next
    else showCall(view.call);
  }
  ring.show(view.ringing, !inCall(), begin, complain);
  if (view.trouble) complain(view.trouble);
}

function forget() { // duebell was started anew meanwhile
  if (!sid) return;
  sid = "";
  sessionStorage.removeItem("call");
  call = null;
  controls();
}

function showCall(next) {
  const before = call;
  call = next;
  drawLines(next);
  const newQuestion = !before || before.question !== next.question || before.ask.kind !== next.ask.kind || before.ask.step !== next.ask.step;
  if (newQuestion || before.ask.typed !== next.ask.typed) {
    count(newQuestion);
    controls();
  }
}

const says = { line: "The line: ", person: "Only the person hears: ", caller: "You: ", fault: "Fault: " };

function drawLines(view) {
  const log = byId("log");
  if (drawn === 0 && view.lines.length > 0) log.replaceChildren();
  const last = view.lines[drawn - 1];
  if (last && log.lastElementChild.dataset.words !== last.text) { // more keys of the same entry
    log.lastElementChild.dataset.words = last.text;
    log.lastElementChild.lastChild.data = last.text;
  }
  for (const line of view.lines.slice(drawn)) {
    const p = el("p", line.who);
    p.dataset.words = line.text;
    if (line.language) p.lang = line.language.slice(0, 2);
    if (says[line.who]) p.append(el("span", line.who === "person" ? "about" : "unseen", says[line.who]));
    p.append(line.text);
    log.append(p);
    log.scrollTop = log.scrollHeight;
    if (line.who === "line") voice.say(p, line.language);
  }
  drawn = view.lines.length;
}

function able(element, yes) { element.setAttribute("aria-disabled", String(!yes)); }

function controls() {
  const ask = call ? call.ask : { kind: "ended", words: "" };
  const keys = asking() && ask.keys;
  for (const b of document.querySelectorAll("[data-key], [data-keys], #keys-form button")) able(b, keys);
  able(byId("say-form").querySelector("button"), asking() && ask.speech);
  able(byId("silence"), asking());
  byId("person").hidden = ask.kind !== "dial";
  swap(byId("dial"), byId("hang-up"), inCall());
  byId("pay").hidden = ask.kind !== "pay";
  byId("card-form").hidden = ask.method !== "credit-card";
  byId("bank-form").hidden = ask.method !== "ach-debit";
  tellAsk();
}

// swap shows one of two buttons in one place, and takes the focus along.
function swap(first, second, showSecond) {
  const [show, hide] = showSecond ? [second, first] : [first, second];
  const focused = document.activeElement === hide;
  show.hidden = false;
  hide.hidden = true;
  if (focused) show.focus();
}

function tellAsk() {
  const box = byId("ask");
  if (!call) return box.replaceChildren();
  const typed = call.ask.typed ? ` ${call.ask.typed} so far.` : "";
  const words = call.ask.words + typed;
  if (box.dataset.words !== words) {
    box.dataset.words = words;
    box.replaceChildren(words);
  }
}

function complain(words) { byId("error").textContent = words; }

// ── What the caller does ────────────────────────────────────────────────────────────────

async function act(name, body) {
  if (!call || acting) return;
  acting = true;
  acts++;
  deadline = 0;
  voice.stop();
  complain("");
  const asked = call;
  call = { ...call, ask: { ...call.ask, kind: "running", words: "The line is at work …", typed: 0 } };
  tellAsk();
  let next = null;
  try {
    next = await post(`calls/${sid}/${name}`, { question: asked.question, ...body });
  } catch (problem) {
    complain(problem.message);
    call = asked; // what was asked before is asked still, unless refresh knows better
    controls();
  }
  acting = false;
  acts++;
  if (name !== "key") waiting.length = 0;
  if (next) showCall(next);
  else await refresh();
}

// press sends keys one after another. What is still waiting when an entry is complete was meant for
// that entry, and is dropped as the line would drop it.
async function press(key) {
  waiting.push(key);
  while (waiting.length > 0 && !acting) {
    await act("key", { keys: waiting.shift() });
    if (!call || call.ask.typed === 0) waiting.length = 0;
  }
}

// begin makes a call the current one, whoever has called whom.
async function begin(placed) {
  acts++;
  sid = placed.sid;
  sessionStorage.setItem("call", sid);
  drawn = 0;
  call = { question: -1, lines: [], ask: { kind: "running", words: "One moment …", typed: 0 } };
  byId("log").replaceChildren();
  controls();
  byId("keypad").focus();
  await refresh();
}

async function dial(event) {
  event.preventDefault();
  if (inCall()) return;
  complain("");
  const from = byId("from").value === "other" ? byId("number").value : byId("from").value;
  try {
    await begin(await post("calls", { from, attestation: byId("attestation").value }));
  } catch (problem) {
    complain(problem.message);
  }
}

async function hangUp() {
  voice.stop();
  deadline = 0;
  try {
    await post(`calls/${sid}/hang-up`, {});
    await refresh();
  } catch (problem) {
    complain(problem.message);
  }
}

const on = (element) => element.getAttribute("aria-disabled") !== "true";

function submit(form, work) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const button = byId(form).querySelector("button");
    if (on(button)) work();
  });
}

// ── Silence ─────────────────────────────────────────────────────────────────────────────

// Read in silence, a prompt takes about as long as it would take to hear.
const readingSeconds = () => call.lines.slice(call.lines.findLastIndex((l) => l.who === "caller") + 1)
  .filter((l) => l.who === "line").reduce((sum, l) => sum + l.text.length / 13, 0);

function count(newQuestion) {
  deadline = 0;
  if (!asking() || !byId("impatient").checked) return;
  const reading = newQuestion && !voice.aloud() ? readingSeconds() : 0;
  deadline = Date.now() + (reading + call.ask.patience) * 1000;
}

function watch() {
  let words = "";
  if (deadline && voice.busy()) count(false); // nobody's patience ends while the line speaks
  if (deadline) {
    const seconds = Math.ceil((deadline - Date.now()) / 1000);
    words = `Silence counts in ${Math.max(seconds, 0)} s.`;
    if (seconds <= 0) act("silence", {});
  }
  byId("left").textContent = words;
}

// ── Wiring ──────────────────────────────────────────────────────────────────────────────

function showCrib(id) {
  byId("crib-of").value = id;
  for (const list of document.querySelectorAll("ul.crib")) list.hidden = list.dataset.member !== id;
}

function fill(select, fields) {
  const set = () => {
    const chosen = select.selectedOptions[0].dataset;
    for (const [id, name] of fields) byId(id).value = chosen[name];
  };
  select.addEventListener("change", set);
  set();
}

function wireChoices() {
  const from = byId("from");
  const chosen = () => {
    byId("other-number").hidden = from.value !== "other";
    const member = from.selectedOptions[0].dataset.member;
    if (member) showCrib(member);
    if (member) byId("text-from").value = from.value;
  };
  from.addEventListener("change", chosen);
  byId("crib-of").addEventListener("change", () => showCrib(byId("crib-of").value));
  showCrib(byId("crib-of").value);
  chosen();
  fill(byId("card-test"), [["card-number", "number"], ["card-expiry", "expiry"], ["card-code", "code"], ["card-postal", "postal"]]);
  fill(byId("bank-test"), [["bank-routing", "routing"], ["bank-account", "account"]]);
  for (const name of ["impatient", "webhooks"]) {
    const box = byId(name);
    box.checked = kept.get(name, "no") === "yes";
    box.addEventListener("change", () => {
      kept.set(name, box.checked ? "yes" : "no");
      byId("log").classList.toggle("wires", byId("webhooks").checked);
      count(true);
    });
  }
  byId("log").classList.toggle("wires", byId("webhooks").checked);
}

function wireCall() {
  byId("dial-form").addEventListener("submit", dial);
  byId("hang-up").addEventListener("click", hangUp);
  for (const b of document.querySelectorAll("[data-key]")) b.addEventListener("click", () => on(b) && press(b.dataset.key));
  for (const b of document.querySelectorAll("[data-keys]")) b.addEventListener("click", () => on(b) && act("press", { keys: b.dataset.keys }));
  submit("keys-form", async () => {
    const keys = byId("keys").value.replace(/[^0-9*#]/g, "");
    byId("keys").value = "";
    if (keys) await act("press", { keys });
  });
  submit("say-form", async () => {
    const text = byId("say").value.trim();
    const confidence = byId("confidence").value;
    byId("say").value = "";
    if (text) await act("say", { text, confidence: confidence === "" ? null : Number(confidence) });
  });
  submit("card-form", () => act("pay-card", {
    number: byId("card-number").value, expiry: byId("card-expiry").value, code: byId("card-code").value, postal: byId("card-postal").value,
  }));
  submit("bank-form", () => act("pay-bank", { routing: byId("bank-routing").value, account: byId("bank-account").value }));
  byId("silence").addEventListener("click", () => on(byId("silence")) && act("silence", {}));
  byId("person").addEventListener("click", () => act("person-hangs-up", {}));

  byId("phone").addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), select");
    if (deadline && call) count(false); // whoever types is not silent
    if (field || event.ctrlKey || event.altKey || event.metaKey || !/^[0-9*#]$/.test(event.key)) return;
    if (asking() || acting) {
      event.preventDefault();
      press(event.key);
    }
  });
}

async function loop() {
  try {
    await refresh();
    if (byId("error").dataset.lost) {
      delete byId("error").dataset.lost;
      complain("");
    }
  } catch {
    byId("error").dataset.lost = "yes";
    complain("duebell does not answer. Is it still running?");
  }
  const pace = acting || (inCall() && !asking()) ? 250 : 1000;
  setTimeout(loop, pace);
}

wireChoices();
wireCall();
voice.start((aloud) => { // a phone that speaks is as impatient as a real one, until somebody says otherwise
  if (kept.get("impatient", "") === "") byId("impatient").checked = aloud;
});
dashboard.start(refresh);
controls();
setInterval(watch, 250);
loop();
