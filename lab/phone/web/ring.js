// Calls that the line places: whose phone rings, and what becomes of it.

import { byId, el, post } from "./api.js";

let drawn = ""; // what stands on the page, so that a button under a finger is not replaced

// show draws the phones that ring. free says that this phone is not in a call; answered is told of one
// that was taken, failed of what could not be done.
export function show(list, free, answered, failed) {
  const now = JSON.stringify([list, free]);
  if (now === drawn) return;
  drawn = now;
  const names = new Map([...byId("text-from").options].map((o) => [o.value, o.text]));
  byId("ringing").replaceChildren(...list.map((call) => {
    const row = el("div", "row wrap ring");
    row.append(el("p", "grow", `The line calls ${names.get(call.to) || call.to}.`));
    const button = (label, classes, answer, then) => {
      const b = el("button", classes, label);
      b.type = "button";
      b.addEventListener("click", async () => {
        try {
          then(await post(`ringing/${call.sid}/${answer}`, {}));
        } catch (problem) {
          failed(problem.message);
        }
      });
      row.append(b);
    };
    if (free) {
      button("Answer", "go", "person", answered);
      button("Let a machine answer", "", "machine", answered);
    }
    button("Turn it away", "", "busy", () => {});
    return row;
  }));
}
