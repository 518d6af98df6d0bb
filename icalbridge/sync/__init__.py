"""The sync: keeps the store up to date with the vendor. schedule → fetch → reconcile → apply; all
decisions are pure functions, only `run`, `worker` and the fetches act.

schedule.py       which window is due next                        (pure)
windows.py        numbered windows, cut and doubled               (pure)
fetch_window.py   one window, in pieces that are answered in time
fetch_events.py   one request and its response, in a transaction
interpret.py      request + response + stored → changes of all spans
reconcile.py      stored + fetched → changes of one span          (pure)
uids.py           which timeslot is which entry                   (pure)
matching.py       the pairing behind it                           (pure)
plausibility.py   whether a short response is believed            (pure)
catalog.py        properties and facilities: fetch, compare, apply
zone_evidence.py  which time zone a property has
refresh_event.py  one event, after it was written
run.py            the catalog, one window, one pass over all
worker.py         for as long as the process lives
"""
