// Reads an .ics file as MagicMirror and many home automations do and prints its events as JSON:
// `node read_nodeical.mjs FILE`. node-ical takes the IANA zone that the TZID names, not the file's VTIMEZONE.
import ical from "node-ical";

// A property with parameters arrives as an object, one without as plain text.
const text = (value) => (value?.val ?? value ?? "").toString();

function reading(event) {
  return {
    uid: text(event.uid),
    start: event.start.toISOString(),
    end: event.end.toISOString(),
    summary: text(event.summary),
    location: text(event.location),
    description: text(event.description),
    status: text(event.status),
    sequence: Number(event.sequence ?? 0),
    categories: event.categories ?? [],
  };
}

const parsed = ical.sync.parseFile(process.argv[2]);
if (!parsed.vcalendar) throw new Error("no VCALENDAR");  // node-ical itself takes any text for an empty calendar
const readings = Object.values(parsed).filter((component) => component.type === "VEVENT").map(reading);
readings.sort((a, b) => (a.uid < b.uid ? -1 : 1));
process.stdout.write(JSON.stringify(readings));
