// The dashboard beside the phone: clock, texts, payments, ledger, script, trouble.

import { byId, el, post } from "./api.js";

const last = {}; // what each part showed, so that only what changed is drawn again

function changed(part, value) {
  const now = JSON.stringify(value);
  if (last[part] === now) return false;
  last[part] = now;
  return true;
}

export function show(view) {
  byId("now").textContent = view.clock.text;
  if (!byId("until").value) byId("until").value = view.clock.local;
  if (changed("owed", view.owed)) for (const e of document.querySelectorAll("[data-owed]")) e.textContent = view.owed[e.dataset.owed] || "";
  if (changed("payments", view.payments)) rows("payments", view.payments, 6, payment, "No payment yet.");
  if (changed("ledger", view.ledger)) rows("ledger", view.ledger, 5, entry, "Nothing has been booked yet.");
  if (changed("texts", view.texts)) texts(view.texts);
  if (changed("people", view.people)) rows("people", view.people, 8, request, "Nobody has asked for a person yet.");
  if (changed("troubles", view.troubles)) troubles(view.troubles);
}

function rows(id, list, columns, cells, empty) {
  const body = byId(id);
  body.replaceChildren(...list.map((item) => {
    const row = el("tr");
    row.append(...cells(item));
    return row;
  }));
  if (list.length === 0) {
    const cell = el("td", "none", empty);
    cell.colSpan = columns;
    const row = el("tr");
    row.append(cell);
    body.append(row);
  }
}

const badge = (state) => {
  const cell = el("td");
  cell.append(el("span", `state ${state}`, state));
  return cell;
};

const payment = (p) => [el("td", "", p.reference), el("td", "", p.account), el("td", "num", p.amount), el("td", "", p.method), badge(p.state), el("td", "", p.at)];
const entry = (e) => [el("td", "", e.account), el("td", "", e.kind), el("td", "num", e.amount), el("td", "", e.reference), el("td", "", e.at)];

const request = (r) => [el("td", "", r.what), badge(r.state || "rings"), ...[r.number, r.when, r.language, r.proven, r.doing, r.deadline].map((x) => el("td", "", x))];

function texts(list) {
  const box = byId("texts");
  box.replaceChildren();
  if (list.length === 0) box.append(el("p", "quiet", "No text yet."));
  const names = new Map([...byId("text-from").options].map((o) => [o.value, o.text]));
  for (const number of new Set(list.map((t) => t.number))) {
    box.append(el("h3", "", names.get(number) || number));
    const items = el("ul");
    for (const t of list.filter((t) => t.number === number)) {
      const item = el("li", t.way);
      const kind = t.kind ? `${t.kind.replaceAll("_", " ")}, ` : "";
      item.append(el("span", "about", `${t.at} · ${kind}${t.state}`), el("span", "body", t.body || "(no words yet)"));
      items.append(item);
    }
    box.append(items);
  }
}

function troubles(set) {
  for (const select of document.querySelectorAll("[data-part]")) select.value = set[select.dataset.part] || select.options[0].value;
  byId("agent").value = set.agent || "answered";
}

// during shows that something is under way, and then what came of it.
async function during(says, doing, done, work) {
  says.textContent = doing;
  try {
    await work();
    says.textContent = done;
  } catch (problem) {
    says.textContent = problem.message;
  }
}

export function start(refresh) {
  const clock = (body) => during(byId("clock-says"), "The clock moves; everything due on the way is done …", "The clock has moved.", async () => {
    await post("clock", body);
    byId("until").value = "";
    await refresh();
  });
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => clock({ move: button.dataset.move }));
  byId("clock-form").addEventListener("submit", (event) => {
    event.preventDefault();
    clock({ move: "until", at: byId("until").value });
  });
  byId("text-form").addEventListener("submit", (event) => {
    event.preventDefault();
    during(byId("text-says"), "Sending …", "Sent.", async () => {
      await post("texts", { from: byId("text-from").value, body: byId("text-body").value });
      byId("text-body").value = "";
      await refresh();
    });
  });
  const showStory = async () => {
    const answer = await fetch("/phone/api/story");
    if (!answer.ok) throw new Error(await answer.text());
    byId("story").value = await answer.text();
  };
  byId("story-show").addEventListener("click", () => during(byId("story-says"), "…", "This is everything so far.", showStory));
  byId("story-copy").addEventListener("click", () => during(byId("story-says"), "…", "Copied.", async () => {
    await showStory();
    byId("story").select();
    await navigator.clipboard.writeText(byId("story").value);
  }));
  byId("trouble-form").addEventListener("submit", (event) => {
    event.preventDefault();
    during(byId("trouble-says"), "…", "Applied.", async () => {
      const set = JSON.parse(last.troubles || "{}");
      for (const select of document.querySelectorAll("[data-part]")) {
        const before = set[select.dataset.part] || select.options[0].value;
        if (select.value !== before) await post("trouble", { part: select.dataset.part, word: select.value });
      }
      if (byId("agent").value !== (set.agent || "answered")) await post("agent", { outcome: byId("agent").value });
      last.troubles = ""; // what acts once springs back
      await refresh();
    });
  });
}
