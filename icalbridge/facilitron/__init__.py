"""The vendor's API: the one room that speaks to it.

client.py    every GET endpoint over HTTP, with retries, limits and errors
answers.py   what an answer that is no success means
wire.py      JSON → model, tolerant of every surprise
lenient.py   JSON as it ought not to be
times.py     local times → moments
quota.py     the minute's rate and the day's quota
"""

from icalbridge.facilitron.client import Client
from icalbridge.facilitron.quota import Allowance, Ledger, MemoryLedger, book
from icalbridge.facilitron.wire import Answer, EventsAnswer, Skipped

__all__ = ["Allowance", "Answer", "Client", "EventsAnswer", "Ledger", "MemoryLedger", "Skipped", "book"]
