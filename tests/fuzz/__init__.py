"""A fuzzer of readers: damaged products are opened and used, and what comes out is classified.

``python -m tests.fuzz N SEED [PRODUCT] [-v]`` tries N mutants of all products and prints the table;
`test_fuzz` tries a few hundred. A product is a small folder of each kind that the library reads:
as it writes it, with the sums that tell of any other byte; the same without sums, as other
programs write it; and real files, where ``XGAMMA_DATA`` names a folder of them. Each is opened
and used: read whole, reduced, predicted, summed up.

=============== ===================================================================================
equal           All that came out agrees to 1e-6.
clear sentence  An error of xgamma, of whole sentences, that repeats no error of Python.
warned          Another result, or the same, with a warning that the undamaged product does not give.
changed         Another result without a word, where the bytes mean just that and nobody can tell:
                the mutant states why, from the short list in `tests.fuzz.mutant`. Another value in
                a table, an image or a text; another pointing, time or name in a keyword, and another
                place on the sky, in a file without sums that states them once; another unit of
                the same kind there; a part that may be absent, in a file that does not list its
                parts; a byte of a file without sums; a text that ends early; two whole chunks
                exchanged. A value that cannot be (NaN, negative) may be shown as it is read, if
                nothing is computed from it.
silent          Another result without a word of any other mutant: another label, unit of another
                kind, axis, layout, a name that is not known, a lost part of a product with a list.
not finite      NaN or infinity that was not there, in what was computed.
wrapped bare    An error of xgamma that only repeats one of Python.
bare traceback  Any other error, and the end of the process.
hang, memory    More than 20 s of processor time, or 2 GB.
not made        The damage does not fit: no room for a card, say.
=============== ===================================================================================
"""
