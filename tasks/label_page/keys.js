const finder = () => document.querySelector("input.find");
const clear = () => {
  if (finder()) finder().value = "";
};
const send = (key) =>
  emitEvent("label_key", {
    key,
    turn: document.getElementById("desk")?.dataset.turn ?? "",
    typed: finder()?.value ?? "",
  });
document.addEventListener("input", (event) => {
  if (event.target === finder()) send("");
});
document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("button")) clear();
});
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target instanceof Element ? event.target.closest("input, button, a") : null;
  const typing = target !== null && target === finder();
  if (typing && event.key === "Escape") target.blur();
  if (typing && event.key !== "Enter") return;
  if (target && !typing && (event.key === "Enter" || event.key === " ")) return;
  if (event.key === "/") {
    finder()?.focus();
    event.preventDefault();
    return;
  }
  if (!/^([1-9us ]|Enter|Arrow(Up|Down|Left|Right))$/.test(event.key)) return;
  event.preventDefault();
  send(event.key);
  if (typing) target.blur();
  if (!event.key.startsWith("Arrow")) clear();
});
