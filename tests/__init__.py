"""The proofs: one `test_<module>.py` for each module, and the readers, fixtures and machine parts
they share.
"""
