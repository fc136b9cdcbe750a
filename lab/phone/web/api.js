// What the page says to the program. Every refusal comes back as a sentence.

export async function post(path, body) {
  const answer = await fetch(`/phone/api/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error || "That did not work.");
  return result;
}

export async function state(sid) {
  const answer = await fetch(`/phone/api/state?call=${encodeURIComponent(sid)}`);
  if (!answer.ok) throw new Error("duebell does not answer as it should.");
  return answer.json();
}

export const byId = (id) => document.getElementById(id);

// el makes an element with text; what was typed or said is never read as markup.
export function el(tag, classes, text) {
  const e = document.createElement(tag);
  if (classes) e.className = classes;
  if (text !== undefined) e.textContent = text;
  return e;
}

// kept remembers a setting of this page from visit to visit.
export const kept = {
  get: (name, otherwise) => localStorage.getItem(`duebell.${name}`) ?? otherwise,
  set: (name, value) => localStorage.setItem(`duebell.${name}`, value),
};
