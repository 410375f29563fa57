"use strict";
// Everything on the page can be read without this: it adds buttons that copy and unfold, and reach by keyboard.
for (const pre of document.querySelectorAll("main pre")) {
  const around = document.createElement("div");
  const button = document.createElement("button");
  around.className = "copyable";
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent.trimEnd());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  pre.replaceWith(around);
  around.append(pre, button);
}
const folded = [...document.querySelectorAll("main article details")];
if (folded.length > 1) {
  const button = document.createElement("button");
  let open = false;
  button.className = "unfold";
  button.type = "button";
  button.textContent = "Unfold all";
  button.addEventListener("click", () => {
    open = !open;
    for (const one of folded) one.open = open;
    button.textContent = open ? "Fold all" : "Unfold all";
  });
  document.querySelector("header.top").append(button);
}
const reach = () => {
  for (const box of document.querySelectorAll("main :is(pre, .wide, .outputs)")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("resize", reach);
addEventListener("toggle", reach, true);
reach();
const here = document.querySelector(".side [aria-current]");
const side = document.querySelector(".side");
if (here && getComputedStyle(side).overflowY === "auto") side.scrollTop = here.offsetTop - 80;
