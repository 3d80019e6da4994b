"use strict";
// What scrolls is reached by the keyboard, and has a name; written here once and not in each page.
for (const box of document.querySelectorAll(".scroll")) {
  const name = box.querySelector("caption") ?? box.parentElement.querySelector("figcaption");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", name.textContent);
}
// Makes the headings of tables buttons that sort; without it, tables are as they were written.
const number = /^(-|[-+]?[\d,.]+(e[-+]\d+)?%?)$/;
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const numeric = head.classList.contains("number") ||
      [...body.rows].every((row) => number.test(row.cells[column].textContent));
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending" ||
        (!head.hasAttribute("aria-sort") && !numeric);
      const sign = up ? 1 : -1;
      const value = (row) => {
        const cell = row.cells[column];
        const text = cell.textContent === "-" ? "" : cell.textContent;
        return cell.dataset.v ?? (numeric ? text.replace(/[,%+]/g, "") : text);
      };
      const compare = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * (numeric ? x - y : x.localeCompare(y));
      };
      table.querySelectorAll("thead th").forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...[...body.rows].sort(compare));
    });
  });
}
