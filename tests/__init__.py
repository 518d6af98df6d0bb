"""The proofs: one `test_<module>.py` for each module, beside the readers, fixtures and machine parts that they share."""
