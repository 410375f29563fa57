for (const box of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.querySelectorAll("#" + box.dataset.filters + " tr[data-text]")];
  const said = box.parentElement.querySelector("output");
  box.parentElement.hidden = false;
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.text.includes(word));
      left += row.hidden ? 0 : 1;
    }
    said.textContent = words.length ? left + " of " + rows.length : "";
  });
}
