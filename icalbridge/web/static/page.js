// What pages with a calendar can do with JavaScript: the right way to subscribe first, copy and share the address,
// print (a month with all of its entries), and name the school's zone only to readers of another.
// Words are in the templates. Without this file everything is there, in an order that suits most.

/** Which device, the ways that suit it, and the way that it cannot use because it has one of its own. */
const DEVICES = [
  [/iPhone|iPad/, ["apple", "android", "other"], "google"],
  [/Macintosh/, ["apple", "google"], "android"],
  [/Android/, ["android", "other"], "google"],
  [/CrOS/, ["google", "other"], "android"],
  [/Windows/, ["outlook", "microsoft365", "google"], "android"],
  [/Linux|X11/, ["other", "google"], "android"],
];
const DONE_MS = 2000;

/** Put the ways that suit this device to the front, in their order, and offer to share where that is possible. */
function sort() {
  // An iPad says that it is a Mac; no Mac has a screen to touch.
  const agent = navigator.maxTouchPoints > 1 ? navigator.userAgent.replace("Macintosh", "iPad") : navigator.userAgent;
  const [, first, foreign] = DEVICES.find(([device]) => device.test(agent)) ?? [null, []];
  for (const list of document.querySelectorAll(".ways")) {
    const find = (way) => list.querySelector(`[data-way=${way}]`);
    list.prepend(...first.map(find).filter(Boolean));
    if (foreign) find(foreign).hidden = true;
  }
  for (const button of document.querySelectorAll("[data-share]")) button.hidden = !navigator.share;
}

/** Copy a field; return whether the browser let us. If not it stays selected, so that the reader can. */
async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy"); // no clipboard without HTTPS: the older way
  }
}

/** Say for a moment on a button, and to screen readers, that it is done. */
function showDone(button) {
  const status = document.getElementById("said");
  button.dataset.label ??= button.textContent;
  button.textContent = button.dataset.done;
  if (status) status.textContent = button.dataset.done;
  setTimeout(() => {
    button.textContent = button.dataset.label;
    if (status) status.textContent = "";
  }, DONE_MS);
}

/** Copy the address for a link that opens a page to paste it into; if that fails, say that the reader has to. */
async function copyFor(link) {
  const way = link.closest("li");
  const field = document.getElementById(link.dataset.copies);
  field.select();
  // The older way first: it is done before the new page takes the focus, without which the other is refused.
  if (!document.execCommand("copy") && !(await copy(field))) {
    way.querySelector(".scripted").textContent = way.querySelector(".unscripted").textContent;
  }
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

for (const zone of document.querySelectorAll("[data-zone]")) {
  zone.hidden = agrees(zone.dataset.zone);
  zone.classList.toggle("differs", !zone.hidden);
}
addEventListener("beforeprint", () => {
  for (const more of document.querySelectorAll(".month details")) more.open = true;
});
document.documentElement.classList.add("scripting");
sort();
document.addEventListener("swapped", sort);
document.addEventListener("click", async (event) => {
  const target = event.target.closest("[data-copy], [data-copies], [data-share], [data-print]");
  if (!target) return;
  const { copies, share } = target.dataset;
  if ("print" in target.dataset) print();
  else if (copies) copyFor(target);
  else if (share) navigator.share({ title: target.dataset.title ?? document.title, url: document.getElementById(share).value }).catch(() => {});
  else if (await copy(document.getElementById(target.dataset.copy))) showDone(target);
});
