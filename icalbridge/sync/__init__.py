"""The sync: keeps the store true to the vendor. plan → fetch → reconcile → apply; only `run` and
`worker` act.

schedule.py        which windows there are, and when each is due       (pure)
identity.py    which timeslot is which entry                       (pure)
reconcile.py   known + fetched → changes                           (pure)
catalog.py   properties and facilities: fetch, compare, write
zone_evidence.py  which time zone a property has, and on what evidence
run.py         one window, one pass over all of them
worker.py      for as long as the process lives
"""
