// The builder with JavaScript: asks for the same page as the form would, and swaps what follows from the change.
// Words are in the template, in data attributes. Without this file the form works by its buttons.

const WAIT = 250;
const form = document.getElementById("builder");
const count = document.getElementById("count");
const changed = new Set();
let timer;
let asking;

/** What the form says, without its blanks: the query of the page's own address. */
function query() {
  const filled = [...new FormData(form)].filter(([, value]) => value.trim());
  return new URLSearchParams(filled).toString();
}

/** Take fields away that mean nothing beside the others: they are not sent then. */
function settle() {
  const occupancy = form.querySelector("[name=view]").checked;
  for (const part of form.querySelectorAll("[data-only]")) {
    part.disabled = (part.dataset.only === "occupancy") !== occupancy;
  }
}

function follows(part) {
  return part.dataset.follows.split(" ").some((name) => name === "*" || changed.has(name));
}

function swap(page) {
  for (const part of document.querySelectorAll("[data-follows]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || !follows(part)) continue;
    // Moving the options of a select one after the other would change which is chosen.
    const { value } = fresh;
    part.replaceChildren(...fresh.childNodes);
    if (value !== undefined) part.value = value;
  }
  // The element stays and only its text changes, and only if it does: so it is read out, once.
  const told = page.getElementById("count").textContent.trim();
  if (count.textContent.trim() !== told) count.textContent = told;
  document.title = page.title;
  const about = (document.getElementById("refusal") || form).dataset.about;
  for (const field of form.elements) {
    if (field.name === about && field.type === "text") field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  changed.clear();
  document.dispatchEvent(new Event("swapped"));
}

async function ask() {
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  const filled = query();
  const address = form.action.split(/[?#]/)[0] + (filled ? `?${filled}` : "");
  try {
    const answer = await fetch(address, { signal: mine.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById("result")) throw new Error(`answered ${answer.status}`);
    if (mine.signal.aborted) return;
    swap(page);
    history.replaceState(null, "", address);
  } catch (error) {
    if (!mine.signal.aborted) count.textContent = count.dataset.failed;
  }
}

function later(event) {
  if (event.target.name) changed.add(event.target.name);
  settle();
  clearTimeout(timer);
  timer = setTimeout(ask, event.type === "input" ? WAIT : 0);
}

/** Whether a field is not as the page came: filled in before this script was there. */
function wasChanged(field) {
  if (field.options) {
    const initial = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(initial, 0);
  }
  return field.checked !== field.defaultChecked || field.value !== field.defaultValue;
}

/** Show a text field's color in the color field beside it; what is no color leaves it as it is. */
function showColor(text) {
  const picker = form.querySelector(`[data-color="${text.id}"]`);
  const color = /^#?([0-9a-f]{6})$/i.exec(text.value.trim() || text.placeholder);
  if (picker && color) picker.value = `#${color[1].toLowerCase()}`;
}

document.documentElement.classList.add("scripting");
settle();
for (const picker of form.querySelectorAll("[data-color]")) {
  const text = document.getElementById(picker.dataset.color);
  showColor(text);
  text.addEventListener("input", () => showColor(text));
  picker.addEventListener("input", () => {
    text.value = picker.value;
    changed.add(text.name);
  });
}
form.addEventListener("input", later);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  later(event);
  // On a phone the calendar is below the form.
  document.getElementById("outcome").focus();
});
for (const field of form.elements) {
  if (field.name && wasChanged(field)) later({ target: field, type: "change" });
}
