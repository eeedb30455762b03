"""Reads what keyrota writes, with parsers that are not its own: `ics FILE` and `schema SCHEMA FILE`. Prints what was read."""

import json
import sys

if sys.argv[1] == "ics":
    from icalendar import Calendar

    with open(sys.argv[2], "rb") as file:
        raw = file.read()
    assert b"\n" not in raw.replace(b"\r\n", b""), "lines end with CRLF"
    longest = max(len(line) for line in raw.split(b"\r\n"))
    assert longest <= 75, f"a line of {longest} octets"
    calendar = Calendar.from_ical(raw)
    assert not calendar.errors, calendar.errors
    for required in ("VERSION", "PRODID"):
        assert calendar.get(required), required
    entries = []
    for entry in calendar.walk("VEVENT"):
        assert not entry.errors, entry.errors
        entries.append({
            "uid": str(entry["UID"]),
            "start": entry["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "stamp": entry["DTSTAMP"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "summary": str(entry["SUMMARY"]),
            "description": str(entry["DESCRIPTION"]),
        })
    print(json.dumps(entries))
else:
    import fastjsonschema

    with open(sys.argv[2]) as schema, open(sys.argv[3]) as document:
        validate = fastjsonschema.compile(json.load(schema))
        text = document.read()
        # A file of lines has a document in each; else what parts documents is the record separator.
        for one in text.splitlines() if sys.argv[3].endswith(".jsonl") else text.split("\x1e"):
            validate(json.loads(one))
    print("true")
