document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target instanceof Element ? event.target.closest("input, button, a") : null;
  if (target && target.tagName === "INPUT") {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (target && (event.key === "Enter" || event.key === " ")) return;
  if (event.key === "/") {
    document.querySelector(".find input")?.focus();
    event.preventDefault();
    return;
  }
  if (!/^([1-9us ]|Enter|Arrow(Up|Down|Left|Right))$/.test(event.key)) return;
  event.preventDefault();
  emitEvent("label_key", { key: event.key, turn: document.getElementById("record")?.dataset.turn ?? "" });
});
