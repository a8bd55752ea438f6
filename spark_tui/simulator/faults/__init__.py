"""Faults on command: each a small class, fired by what the venue is asked and by time.

`desk.Faults` holds what is armed and is what the rest of the simulator calls at its seams; `verbs.VERBS`
names every fault. A schedule depends on the seed and on the sequence of requests and events alone.
"""
