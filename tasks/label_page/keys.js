const finder = () => document.querySelector("input.find");
const clear = () => {
  if (finder()) finder().value = "";
};
const form = () => document.getElementById("answer-form");
const written = () =>
  Object.fromEntries([...(form()?.querySelectorAll("textarea") ?? [])].map((one) => [one.name, one.value]));
const send = (key) =>
  emitEvent("label_key", {
    key,
    turn: document.getElementById("desk")?.dataset.turn ?? "",
    typed: finder()?.value ?? "",
    fields: key === "Keep" ? written() : null,
  });
document.addEventListener("input", (event) => {
  if (event.target === finder()) send("");
});
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (button) clear();
  if (button?.dataset.key && event.detail < 2) send(button.dataset.key);
});
new MutationObserver(() => {
  if (!form() || form().dataset.met) return;
  form().dataset.met = "yes";
  for (const one of form().querySelectorAll("textarea")) one.value = one.dataset.value ?? "";
  form().querySelector("textarea")?.focus();
}).observe(document.documentElement, { childList: true, subtree: true });
document.addEventListener("keydown", (event) => {
  if (form() && !event.repeat && !event.isComposing) {
    const key = event.key === "Escape" ? "Escape" : event.key === "Enter" && (event.ctrlKey || event.metaKey) ? "Keep" : null;
    if (key) {
      event.preventDefault();
      send(key);
      return;
    }
  }
  if (event.target instanceof Element && event.target.closest("textarea")) return;
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
