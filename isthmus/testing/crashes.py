"""Directed stories, and crashes in the middle of them: before a durable step of the cycle that follows what was done.

A durable step is a commit (before and after it) or a call that writes to a remote system (before and after it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random

from isthmus.erp import allocating, clerk, invoicing, reversing
from isthmus.erp.desk import Desk
from isthmus.testing.world.line import Weather
from isthmus.testing.world.people import SALES, Act
from isthmus.testing.world.story import Story, open_world
from isthmus.testing.world.workers import Worker
from isthmus.testing.world.world import ErpKind, Violation

Acts = Callable[["Stagehand"], None]
KINDS = frozenset(("books",))  # clerks bill; no trouble but what the story tells


@dataclass(frozen=True, slots=True)
class Scenario:
    """What people did since the last cycle. ``money`` ones are crashed in pairs, too."""

    name: str
    acts: Acts
    before: Acts | None = None  # done, and synchronised, before
    meanwhile: Acts | None = None  # done while the worker stands still
    finale: Acts | None = None  # done before all becomes calm
    money: bool = False


class Stagehand:
    """Short words for what people do in a scenario."""

    def __init__(self, story: Story) -> None:
        self.story, self.world = story, story.world
        self.crm, self.people = story.world.crm, story.people

    def account(self, **fields: object) -> str:
        given = {"Name": self.world.say("N"), "Currency": "EUR", "Type": "Customer", **fields}
        return self.crm.enter("Account", SALES, given)

    def order(self, account: str, quantity: int = 3) -> str:
        product = next(iter(self.crm.things["Product"]))
        fields = {"Account": account, "Day": self.people.today(), "Currency": "EUR", "Status": "Activated"}
        line = {"key": "L0", "Product": product, "Quantity": Decimal(quantity), "Price": Decimal("9.99")}
        return self.crm.enter("Order", SALES, fields, lines=[line])

    @property
    def known(self) -> str:
        """An account that is a customer already."""
        return next(iter(self.crm.things["Account"]))

    def erp_id(self, entity: str, crm_id: str) -> str:
        return dict(self.world.pairs(entity))[crm_id]

    def last(self, stream: str) -> str:
        return list(self.crm.things[stream])[-1]

    def bill(self) -> None:
        order = self.erp_id("order", self.last("Order"))
        self.people.clerks.at_desk("invoices", lambda desk: invoicing.invoice(desk, order))

    def pay(self, amount_minor: int = 1000) -> None:
        customer = self.erp_id("customer", self.known)
        self.people.clerks.at_desk(
            "books", lambda desk: allocating.pay(desk, customer, amount_minor=amount_minor, currency="EUR")
        )

    def reverse(self) -> None:
        self.people.clerks.at_desk("reverses", lambda desk: reversing.reverse(desk, "R0000001", "it bounced"))

    def credit(self) -> None:
        self.people.clerks.at_desk("credits", lambda desk: invoicing.credit_note(desk, "I0000001"))

    def hold(self) -> None:
        customer = self.erp_id("customer", self.known)
        self.people.clerks.at_desk("holds", lambda desk: clerk.hold(desk, customer, "late"))

    def limit(self) -> None:
        customer = self.erp_id("customer", self.known)
        self.people.clerks.at_desk("limits", lambda desk: clerk.limit(desk, customer, 1000))

    def insist(self, act: Act) -> None:
        """Does it, or does it when what is in the way of it has ended."""
        if "may not" in (act() or ""):
            self.world.post(timedelta(seconds=1), act)

    def lift(self) -> None:
        customer = self.erp_id("customer", self.known)
        self.people.clerks.at_desk("lifts", lambda desk: clerk.lift(desk, customer))

    def cancel(self) -> None:
        order = self.erp_id("order", self.last("Order"))
        self.world.cancelled.add(order)
        self.people.clerks.at_desk("cancels", lambda desk: clerk.cancel(desk, order))


def _rename(hand: Stagehand) -> None:
    hand.crm.edit("Account", hand.known, SALES, Name=hand.world.say("N"))


def _call_back(hand: Stagehand) -> None:
    customer = hand.erp_id("customer", hand.known)
    phone = _said(hand, hand.known)
    hand.insist(lambda: hand.people.clerks.enter("customer", customer, phone=phone))


def _misname(hand: Stagehand) -> None:
    customer = hand.erp_id("customer", hand.known)
    hand.world.meddled.add(("customer", hand.known))
    hand.people.clerks.enter("customer", customer, name=hand.world.say("K"))


def _order(hand: Stagehand) -> None:
    hand.order(hand.known)


def _requantify(hand: Stagehand) -> None:
    thing = hand.crm.things["Order"][hand.last("Order")]
    thing.lines = [{**thing.lines[0], "Quantity": Decimal(7)}]
    hand.crm.touch(thing, SALES)


def _call(hand: Stagehand) -> None:
    """Sales enter a telephone number."""
    value = hand.world.say("P")
    hand.crm.edit("Account", hand.known, SALES, Phone=value)
    hand.world.remember_edit(("customer", hand.known, "phone"), "crm", value)


def _both_call(hand: Stagehand) -> None:
    _call(hand)
    _call_back(hand)


def _leave(hand: Stagehand) -> None:
    hand.crm.edit("Account", hand.known, SALES, Type="Prospect")


def _take_over(hand: Stagehand) -> None:
    """The lease runs out, and another process runs the same."""
    hand.world.pass_time(timedelta(seconds=400))
    cycle(hand.story, Worker("second"))


def _save_late(hand: Stagehand) -> None:
    """A clerk's transaction stays open while a colleague saves, and while all mappings run."""
    late, early = list(hand.crm.things["Account"])[:2]
    clerks = hand.people.clerks

    def work(desk: Desk) -> None:
        clerks.take(desk, "customer", erp_id=hand.erp_id("customer", late), fields={"phone": _said(hand, late)})
        clerks.enter("customer", hand.erp_id("customer", early), phone=_said(hand, early))
        cycle(hand.story, Worker("meanwhile"))

    clerks.at_desk("calls, and saves late", work)


def _said(hand: Stagehand, account: str) -> str:
    """A telephone number that a clerk enters."""
    phone = hand.world.say("P")
    hand.world.remember_edit(("customer", account, "phone"), "erp", phone)
    return phone


def _lose_for_weeks(hand: Stagehand) -> None:
    hand.crm.delete("Account", hand.known, SALES)
    hand.world.pass_time(timedelta(days=20))


def _lose_last(hand: Stagehand) -> None:
    hand.crm.delete("Account", hand.last("Account"), SALES)


def _share_tax(hand: Stagehand) -> None:
    hand.account(Tax=hand.crm.things["Account"][hand.known].fields["Tax"])


def _billed(hand: Stagehand) -> None:
    hand.order(hand.known)
    cycle(hand.story, Worker("before"))
    hand.bill()


def _paid(hand: Stagehand) -> None:
    _billed(hand)
    hand.pay()


def _lose_copy(hand: Stagehand) -> None:
    hand.crm.delete("Invoice", hand.last("Invoice"), SALES)


def _wait(hand: Stagehand) -> None:
    """An order of an account that cannot be a customer yet."""
    hand.order(hand.account(Currency="EUX"))


def _be_let_in(hand: Stagehand) -> None:
    hand.world.pass_time(timedelta(hours=2))
    hand.crm.edit("Account", hand.last("Account"), SALES, Currency="EUR")


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("a customer is won", lambda hand: _ignore(hand.account())),
    Scenario("a customer is won and lost", lambda hand: _ignore(hand.account()), finale=_lose_last),
    Scenario("a customer of a customer is won", lambda hand: _ignore(hand.account(Parent=hand.account()))),
    Scenario("a customer is renamed", _rename),
    Scenario("a customer calls the ERP", _call_back),
    Scenario("a clerk misnames a customer", _misname),
    Scenario("a customer leaves", _leave),
    Scenario("a customer is deleted", lambda hand: hand.crm.delete("Account", hand.known, SALES)),
    Scenario(
        "a customer is undeleted",
        lambda hand: hand.crm.undelete("Account", hand.known, SALES),
        lambda hand: hand.crm.delete("Account", hand.known, SALES),
    ),
    Scenario("two customers merge", lambda hand: hand.crm.merge(hand.last("Account"), hand.known, SALES)),
    Scenario(
        "a merge into a newcomer", lambda hand: hand.crm.merge(hand.account(), hand.known, SALES),
    ),
    Scenario("an order of a prospect pulls it", lambda hand: _ignore(hand.order(hand.account(Type="Prospect")))),
    Scenario("a record that is invalid", lambda hand: _ignore(hand.account(Currency="EUX"))),
    Scenario("an order is taken", _order, money=True),
    Scenario("an order grows", _requantify, _order, money=True),
    Scenario("an order of who is on hold", _order, Stagehand.hold, money=True),
    Scenario("an order is invoiced", Stagehand.bill, _order, money=True),
    Scenario("an invoice is paid", Stagehand.pay, lambda hand: _ignore(hand.order(hand.known)), money=True),
    Scenario("an order is cancelled in the ERP", Stagehand.cancel, _order, money=True),
    Scenario(
        "an order is taken back", lambda hand: hand.crm.edit("Order", hand.last("Order"), SALES, Status="Draft"), _order
    ),
    Scenario("both sides call", _both_call),
    Scenario("two customers of one tax number", _share_tax),
    Scenario("a customer is deleted, and nobody works for weeks", _lose_for_weeks),
    Scenario("an invoice's copy is deleted", _lose_copy, _billed, money=True),
    Scenario("a payment is reversed", Stagehand.reverse, _paid, money=True),
    Scenario("an invoice is credited", Stagehand.credit, _billed, money=True),
    Scenario("an order waits for its customer", _be_let_in, _wait, money=True),
    Scenario("an order is deleted", lambda hand: hand.crm.delete("Order", hand.last("Order"), SALES), _order),
)  # fmt: skip

#: Played with a worker that stands still, at every chance that it has, while people go on.
INTERRUPTED: tuple[Scenario, ...] = (
    Scenario("a customer calls, and the clerk meanwhile", _call, meanwhile=_call_back),
    Scenario("a customer leaves, and the clerk calls it meanwhile", _leave, meanwhile=_call_back),
    Scenario("an order is taken, and its customer is held meanwhile", _order, meanwhile=Stagehand.hold),
    Scenario("an order is taken, and the limit falls meanwhile", _order, meanwhile=Stagehand.limit),
    Scenario("an order grows, and the limit falls meanwhile", _requantify, _order, meanwhile=Stagehand.limit),
    Scenario("an order grows, and is invoiced meanwhile", _requantify, _order, meanwhile=Stagehand.bill),
    Scenario("an order grows, and is cancelled meanwhile", _requantify, _order, meanwhile=Stagehand.cancel),
    Scenario("an order is taken, and another worker takes over", _order, meanwhile=_take_over),
    Scenario("a customer calls, and another worker takes over", _call, meanwhile=_take_over),
)  # fmt: skip

#: Where others may write while a transaction is open.
INTERLEAVED: tuple[Scenario, ...] = (
    Scenario("a clerk saves late", _save_late),
)  # fmt: skip


def _ignore(_made: object) -> None:
    """What was made needs no name."""


def opened(erp: ErpKind) -> Story:
    """A world in which nothing goes wrong by itself."""
    return Story(open_world(erp, Weather(Random(0), KINDS)))  # noqa: S311 - decides nothing


def prepare(scenario: Scenario, story: Story) -> None:
    """Everything up to the cycle that is to be interrupted."""
    hand = Stagehand(story)
    if scenario.before is not None:
        scenario.before(hand)
        cycle(story, Worker("before"))
        cycle(story, Worker("before"))
    scenario.acts(hand)


def cycle(story: Story, worker: Worker) -> None:
    """All mappings in reference order by one process, a quarter of an hour later."""
    story.world.pass_time(timedelta(minutes=15))
    for name in story.names:
        if not worker.dead:
            story.world.run(name, worker)


def end(scenario: Scenario, story: Story) -> None:
    """What people do before all becomes calm; then calm, and judgement."""
    if scenario.finale is not None:
        scenario.finale(Stagehand(story))
    story.settle()


def interrupt(scenario: Scenario, erp: ErpKind, place: int) -> tuple[int, str]:
    """Plays a scenario whose worker stands still at its n-th chance, while people go on.

    Answers how many chances there were, and what promise was broken.
    """
    story = opened(erp)
    worker = Worker("first", pauses_at=place, meanwhile=lambda: _go_on(scenario, story))
    try:
        prepare(scenario, story)
        cycle(story, worker)
        story.settle()
    except Violation as violation:
        return worker.chances, str(violation)
    return worker.chances, ""


def _go_on(scenario: Scenario, story: Story) -> None:
    with story.world.offstage():
        if scenario.meanwhile is not None:
            scenario.meanwhile(Stagehand(story))
        story.auditor.look()


def crash(scenario: Scenario, erp: ErpKind, *at: int) -> tuple[int, str]:
    """Plays a scenario whose worker crashes before its n-th durable step, and the next before its own.

    Answers how many steps the last worker took, and what promise was broken (empty: none).
    """
    return crash_in(opened(erp), scenario, *at)


def crash_in(story: Story, scenario: Scenario, *at: int) -> tuple[int, str]:
    """The same in a world that the caller keeps."""
    worker = Worker("first")
    try:
        prepare(scenario, story)
        for place in at:
            worker = Worker("worker", crashes_at=place)
            story.dice.seed(place)  # decides only where the dead worker ran
            cycle(story, worker)
            story.auditor.look()
        end(scenario, story)
    except Violation as violation:
        return len(worker.steps), str(violation)
    return len(worker.steps), ""
