// Prints when the events of .ics files start, as ical.js and node-ical expand them, by file:
// `node expand.mjs FROM TO FILE…`. Times are in UTC, with Z; ical.js has others where the file describes no zone.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

const [from, to, ...files] = process.argv.slice(2);

function expandWithIcaljs(file) {
  const starts = [];
  const calendar = new ICAL.Component(ICAL.parse(readFileSync(file, "utf8")));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
  const components = calendar.getAllSubcomponents("vevent");
  const shown = (time) => (ICAL.TimezoneService.has(time.zone.tzid) && time.zone.tzid !== "floating" ? time.toJSDate().toISOString() : time.toString());
  for (const component of components.filter((item) => !item.hasProperty("recurrence-id"))) {
    const event = new ICAL.Event(component);
    for (const other of components) {
      if (other.hasProperty("recurrence-id") && other.getFirstPropertyValue("uid") === event.uid) event.relateException(other);
    }
    const cancelled = (item) => /^cancel/i.test(item.component.getFirstPropertyValue("status") ?? "");
    if (!event.isRecurring()) {
      if (!cancelled(event)) starts.push(shown(event.startDate));
      continue;
    }
    const dates = event.iterator();
    for (let date = dates.next(); date && date.toString() < to; date = dates.next()) {
      const details = event.getOccurrenceDetails(date);
      if (!cancelled(details.item)) starts.push(shown(details.startDate));
    }
  }
  return starts;
}

function expandWithNodeIcal(file) {
  const events = Object.values(ical.sync.parseFile(file)).filter((item) => item.type === "VEVENT");
  return events.flatMap((event) =>
    ical.expandRecurringEvent(event, { from: new Date(from), to: new Date(to) })
      .filter((instance) => !/^cancel/i.test(instance.event.status ?? ""))
      .map((instance) => instance.start.toISOString()),
  );
}

function attempt(expand, file) {
  try {
    return expand(file).sort();
  } catch (error) {
    return String(error);
  }
}

const read = (file) => ({ "ical.js": attempt(expandWithIcaljs, file), "node-ical": attempt(expandWithNodeIcal, file) });
process.stdout.write(JSON.stringify(Object.fromEntries(files.map((file) => [file, read(file)]))));
