// The search, and what the browser does not do by itself: open what a link leads to. The page is whole without it.
"use strict";
(() => {
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const nothing = document.getElementById("nothing");
  const tests = [...document.querySelectorAll(".test")];
  const folded = document.querySelector("#others > details");
  const choices = [...document.querySelectorAll(".choice")];
  const texts = new Map();
  const text = (test) => {
    if (!texts.has(test)) texts.set(test, test.textContent.toLowerCase());
    return texts.get(test);
  };
  const wasOpen = folded && folded.open;

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = choices.find((choice) => choice.checked).id.slice(5);
    let count = 0;
    for (const test of tests) {
      const fits = words.every((word) => text(test).includes(word));
      test.classList.toggle("unfound", !fits);
      if (fits && (chosen === "all" || test.classList.contains("v-" + chosen))) count += 1;
    }
    const narrowed = words.length > 0 || chosen !== "all";
    found.textContent = narrowed ? count + (count === 1 ? " test" : " tests") : "";
    nothing.hidden = count > 0 || !narrowed;
    document.body.classList.toggle("narrowed", words.length > 0);
    if (folded) folded.open = narrowed || wasOpen;
  };

  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (folded && folded.contains(target)) folded.open = true;
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView({ block: "start" });
  };

  search.hidden = false;
  search.addEventListener("input", apply);
  choices.forEach((choice) => choice.addEventListener("change", apply));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      apply();
    }
  });
  window.addEventListener("hashchange", follow);
  apply();
  follow();
})();
