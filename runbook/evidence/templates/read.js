"use strict";
// Everything on the page can be read without this: it adds buttons that copy and unfold, and reach by keyboard.
// A command goes on in the next line while a quote is open, or after a backslash.
const CLOSED = /\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"|(?:^|\s)#.*/gm;
const goesOn = (command) => /['"\\]/.test(command.replace(CLOSED, ""));
// Of a plan only the commands are copied: a shell would stumble over the prompt, the packages and the paths.
function copied(text) {
  const commands = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("$ ")) commands.push(line.slice(2));
    else if (commands.length && goesOn(commands.at(-1))) commands.push(`${commands.pop()}\n${line}`);
  }
  return (commands.join("\n") || text).trimEnd();
}
for (const pre of document.querySelectorAll("main pre")) {
  const around = document.createElement("div");
  const button = document.createElement("button");
  around.className = "copyable";
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(copied(pre.textContent));
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
