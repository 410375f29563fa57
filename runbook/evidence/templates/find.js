// Full-text search. The index is a script beside the pages, loaded when the box is first used.
const form = document.querySelector("form[role=search]");
const box = form.querySelector("input");
const found = document.getElementById("found");
const MOST = 40;
let waiting = null;

function load() {
  waiting ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = form.dataset.index;
    script.onload = () => {
      for (const one of window.RUNBOOK_INDEX) {
        one.low = one.text.toLowerCase();
        one.head = (one.page + " " + one.title).toLowerCase();
      }
      done(window.RUNBOOK_INDEX);
    };
    script.onerror = () => fail(new Error("no index"));
    document.head.append(script);
  });
  return waiting;
}

// How well a section fits: 0 when a word is missing; words of its heading weigh more than those of its text.
function fit(one, words) {
  let sum = 0;
  for (const word of words) {
    const inHead = one.head.includes(word);
    if (!inHead && !one.low.includes(word)) return 0;
    sum += (inHead ? 20 : 0) + Math.min(one.low.split(word).length - 1, 9);
  }
  return sum;
}

// The text around the first word, with all words marked; built of text nodes, never of markup.
function excerpt(one, words) {
  const p = document.createElement("p");
  const first = Math.min(...words.map((word) => one.low.indexOf(word)).filter((at) => at >= 0));
  const start = Number.isFinite(first) ? Math.max(0, first - 70) : 0;
  const text = one.text.slice(start, start + 240);
  const low = text.toLowerCase();
  let at = 0;
  if (start) p.append("… ");
  while (at < text.length) {
    const hits = words.map((word) => [low.indexOf(word, at), word.length]).filter(([place]) => place >= 0);
    const [place, size] = hits.sort((a, b) => a[0] - b[0] || b[1] - a[1])[0] ?? [text.length, 0];
    p.append(text.slice(at, place));
    if (!size) break;
    const mark = document.createElement("mark");
    mark.textContent = text.slice(place, place + size);
    p.append(mark);
    at = place + size;
  }
  if (start + 240 < one.text.length) p.append(" …");
  return p;
}

function entry(one, words) {
  const li = document.createElement("li");
  const a = document.createElement("a");
  a.href = form.dataset.root + "/" + one.to;
  a.textContent = one.title || one.page;
  const small = document.createElement("small");
  small.textContent = one.title && one.title !== one.page ? " " + one.page : "";
  a.addEventListener("click", () => show(""));
  li.append(a, small, excerpt(one, words));
  return li;
}

async function show(asked) {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  const list = found.querySelector("ol");
  const said = found.querySelector("p");
  found.hidden = !words.length;
  for (const rest of document.querySelectorAll("main > article, main > footer")) rest.hidden = !found.hidden;
  if (!words.length) {
    box.value = "";
    list.replaceChildren();
    return;
  }
  try {
    const all = (await load()).map((one) => [fit(one, words), one]).filter(([weight]) => weight);
    if (asked !== box.value) return;
    all.sort((a, b) => b[0] - a[0]);
    list.replaceChildren(...all.slice(0, MOST).map(([, one]) => entry(one, words)));
    said.textContent = !all.length ? "Nothing was found. Every word has to be in one section."
      : `${all.length} section${all.length > 1 ? "s" : ""}` + (all.length > MOST ? `, the best ${MOST} shown` : "");
  } catch {
    said.textContent = "The search index cannot be read; it is the file search-index.js beside these pages.";
  }
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
box.addEventListener("focus", () => load().catch(() => {}));
box.addEventListener("input", () => show(box.value));
addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target === document.body) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape" && box.value) {
    show("");
  }
});
