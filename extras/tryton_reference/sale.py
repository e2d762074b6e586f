# SPDX-License-Identifier: GPL-3.0-or-later
"""A sale carries the reference of the record in another system that it was made for; at most one sale has it.

And its origin, once empty, may still be filled when it is past being a draft: its quotation may become known late.
"""

from trytond.i18n import lazy_gettext
from trytond.model import Unique, fields
from trytond.pool import PoolMeta
from trytond.pyson import Bool, Eval


class Sale(metaclass=PoolMeta):
    __name__ = "sale.sale"

    # Not readonly: Tryton would refuse it on create as well. No view shows it, so nobody edits it by hand.
    isthmus_reference = fields.Char(lazy_gettext("isthmus_reference.msg_reference"))

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            (
                "isthmus_reference_unique",
                Unique(table, table.company, table.isthmus_reference),
                "isthmus_reference.msg_reference_unique",
            )
        )
        cls.origin.states["readonly"] &= Bool(Eval("origin"))

    @classmethod
    def copy(cls, sales, default=None):
        """A copy is another sale: it was made for nobody's record."""
        default = default.copy() if default else {}
        default.setdefault("isthmus_reference", None)
        return super().copy(sales, default=default)
