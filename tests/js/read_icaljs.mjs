// Reads an .ics file as Thunderbird's parser does and prints its events as JSON: `node read_icaljs.mjs FILE`.
// Zones come from the file's own VTIMEZONEs only: ical.js brings no zone data, and a time left floating is an error.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const calendar = new ICAL.Component(ICAL.parse(readFileSync(process.argv[2], "utf8")));
for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);

function instant(time) {
  if (time.zone.tzid === "floating") throw new Error(`no zone for ${time}`);
  return time.toJSDate().toISOString();
}

function reading(component) {
  const event = new ICAL.Event(component);
  const categories = component.getAllProperties("categories").flatMap((property) => property.getValues());
  return {
    uid: event.uid,
    start: instant(event.startDate),
    end: instant(event.endDate),
    summary: event.summary ?? "",
    location: event.location ?? "",
    description: event.description ?? "",
    status: component.getFirstPropertyValue("status") ?? "",
    sequence: event.sequence ?? 0,
    categories,
  };
}

const readings = calendar.getAllSubcomponents("vevent").map(reading);
readings.sort((a, b) => (a.uid < b.uid ? -1 : 1));
process.stdout.write(JSON.stringify(readings));
