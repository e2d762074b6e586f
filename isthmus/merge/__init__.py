"""Three-way merge with owners: who moved, who wins, what must be asked. Pure."""

from isthmus.merge.merge import Conflict, Forms, Merged, Overruled, merge

__all__ = ["Conflict", "Forms", "Merged", "Overruled", "merge"]
