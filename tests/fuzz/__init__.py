"""A fuzzer of readers: damaged products are opened and used, and what comes out is classified.

``python -m tests.fuzz N SEED`` tries N mutants and prints the table; `test_fuzz` tries a few hundred.
"""
