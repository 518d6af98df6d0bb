"""How fast, as ratios against a reference in the same run (`make bench`); never part of `make
test`.
"""
