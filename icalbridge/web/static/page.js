// What pages with a calendar can do with JavaScript: the right way to subscribe first, copy the address, print (a month with all of its entries), and name the school's
// zone only to readers of another.
// Words are in the templates. Without this file everything is there, in an order that suits most.

const DEVICES = [
  [/iPhone|iPad|Macintosh/, ["apple"]],
  [/Android|CrOS/, ["google"]],
  [/Windows/, ["outlook", "microsoft365"]],
  [/Linux|X11/, ["other"]],
];

/** Put the ways that suit this device to the front, in their order. */
function sort(list) {
  const found = DEVICES.find(([device]) => device.test(navigator.userAgent));
  const ways = (found ? found[1] : []).map((way) => list.querySelector(`[data-way=${way}]`));
  list.prepend(...ways.filter(Boolean));
}

/** Copy a field; where the browser lets nobody, select it, so that the reader can. */
async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.done;
  } catch {
    field.focus();
  }
}

/** Let the reader choose where to send the address of a field; to choose nowhere is no error. */
function share(button) {
  const url = document.getElementById(button.dataset.share).value;
  navigator.share({ title: button.dataset.title, url }).catch(() => {});
}

/** Whether clocks in a zone show what this device's show, today and in half a year. */
function agrees(zone) {
  try {
    return [0, 182].every((days) => {
      const moment = new Date(Date.now() + days * 86_400_000);
      return moment.toLocaleString("en", { timeZone: zone }) === moment.toLocaleString("en");
    });
  } catch {
    return false; // a zone that this browser has never heard of
  }
}

for (const said of document.querySelectorAll("[data-zone]")) {
  said.hidden = agrees(said.dataset.zone);
  said.classList.toggle("differs", !said.hidden);
}
addEventListener("beforeprint", () => {
  for (const more of document.querySelectorAll(".month details")) more.open = true;
});
document.documentElement.classList.add("scripting");
document.querySelectorAll(".ways").forEach(sort);
for (const button of document.querySelectorAll("[data-share]")) button.hidden = !navigator.share;
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-print], [data-share]");
  if (button) {
    if ("print" in button.dataset) print();
    else if ("share" in button.dataset) share(button);
    else copy(button);
  }
});
