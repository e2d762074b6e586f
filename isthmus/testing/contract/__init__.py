"""The contract of a connector: every promise of `isthmus.connect.protocol`, ready to be inherited.

    @pytest.fixture
    def subject() -> MySubject: ...          # the connector, and somebody who works in its system

    class TestMyConnector(Contract): ...     # every promise

`isthmus connector new NAME` writes both.
"""

from __future__ import annotations

from isthmus.testing.contract.promises import PROMISES, Contract
from isthmus.testing.contract.subject import PromiseBroken, Subject

__all__ = ["PROMISES", "Contract", "PromiseBroken", "Subject"]
