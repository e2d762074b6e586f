"""What those do who run the CRM: its clock, its backup, who may see what, and which organisation is connected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from isthmus.testing.world.world import World

#: Fields that may be hidden: of each stream one that is text, one that decides, one that refers.
HIDDEN = (("Account", "Phone"), ("Account", "Tax"), ("Account", "Name"), ("Account", "Parent"), ("Order", "PoNumber"),
          ("Order", "Account"), ("Order", "Currency"), ("Quote", "Day"))  # fmt: skip


class Administrators:
    """The CRM's administrators."""

    def __init__(self, world: World) -> None:
        self.world, self.crm, self.dice = world, world.crm, world.dice
        self.went_back = False  # the clock was set back at some time

    def acts(self) -> list[tuple[int, str, Callable[[], str | None]]]:
        """Weight, kind of trouble, act. What stops every run does not last."""
        is_right = self.crm.organisation == "org-crm"
        return [
            (1, "clock_back", lambda: self.set_clock(-1)), (1, "clock_ahead", lambda: self.set_clock(1)),
            (1, "restored", self.back_up), (1, "restored", self.bring_back),
            (6 if self.crm.hidden else 2, "hidden_field", self.hide),
            (1 if is_right else 12, "wrong_org", self.connect_elsewhere),
        ]  # fmt: skip

    def calm(self) -> None:
        """All is as it should be again: but for the clock, which stays as it is."""
        self.crm.hidden.clear()
        self.crm.organisation = "org-crm"

    def set_clock(self, way: int) -> str:
        """Back, or ahead. What no comparison of two clocks can tell, only a full read finds: a transaction that was
        open meanwhile, a worker whose own clock is wrong, and a clock that was put right before anybody looked."""
        hours = self.dice.choice((1, 2, 3))
        self.crm.skew += timedelta(hours=way * hours)
        self.went_back = self.went_back or way < 0
        if self.crm.savings or "worker_clock" in self.world.weather.kinds or (self.went_back and way > 0):
            self.world.fell_behind = True
        return f"the CRM's clock is set {hours} hours {'ahead' if way > 0 else 'back'}"

    def back_up(self) -> str:
        self.crm.back_up()
        return "the CRM is backed up"

    def bring_back(self) -> str | None:
        """Whoever does this lets everything be read anew; two accounts that are one by now stay one."""
        if not self.crm.backup or self.crm.merged() != {
            one.id for one in self.crm.backup["Account"].values() if one.merged_into
        }:
            return None
        self.crm.bring_back()
        self.world.fell_behind = True
        for entity, stream, name in (("customer", "Account", "phone"), ("order", "Order", "po_number")):
            for record_id in self.crm.things[stream]:
                self.world.remember_edit((entity, record_id, name), "crm", None)
                self.world.meddled.add((entity, record_id))
        return "the CRM is brought back from its backup"

    def hide(self) -> str | None:
        """A field is hidden, or all are shown again; never in the middle of a run."""
        if self.world.running:
            return None
        if self.crm.hidden and self.dice.random() < 0.6:
            self.crm.hidden.clear()
            return "all fields are shown again"
        place = self.dice.choice(HIDDEN)
        self.crm.hidden.add(place)
        return f"hides {'.'.join(place)}"

    def connect_elsewhere(self) -> str | None:
        """The connection leads to a test organisation, or back; never in the middle of a run."""
        if self.world.running:
            return None
        is_right = self.crm.organisation == "org-crm"
        self.crm.organisation = "org-test" if is_right else "org-crm"
        return f"the connection leads to {self.crm.organisation}"
