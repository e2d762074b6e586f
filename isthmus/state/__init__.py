"""What Isthmus remembers: bindings, watermarks, intents, worklist, runs, audit, leases.

Each module holds the functions of one table or two; all take an open connection, so that the caller decides what
commits together. Stamps are text as ``kernel.clock.format_stamp`` writes them.
"""
