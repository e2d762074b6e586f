"""Once an hour: what may have become possible is tried again, and people are asked what only they can decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, task, task_group
from airflow.sdk.definitions.param import ParamsDict
from isthmus_tasks import LATER, OPTIONS, apply_answers, describe, open_questions, retry_worklist, when

ANSWER_WITHIN = timedelta(minutes=50)  # the next run asks again, with what both sides show by then
ANSWER = "answer"  # the one button; each question has its own "later"


class AskPeople(HITLOperator):
    """Asks several questions on one page, one choice each. What a question says is read when it is asked."""

    template_fields = ("numbers",)  # which are known when it runs; nothing that people wrote is a template

    def __init__(self, *, numbers: list[int], **how: Any) -> None:
        super().__init__(subject="", options=[ANSWER], defaults=ANSWER, response_timeout=ANSWER_WITHIN, **how)
        self.numbers = numbers

    def execute(self, context: Any) -> None:
        self.body, asked = describe(self.numbers)
        self.subject = f"Isthmus: {len(asked)} to decide"
        self.params = ParamsDict({number: _choice(**one) for number, one in asked.items()})
        super().execute(context)


def _choice(title: str, choices: dict[str, str]) -> Param:
    words = {LATER: "decide later", **choices}
    return Param(LATER, type="string", title=title, enum=list(words), values_display=words)


@task_group(prefix_group_id=False)
def one_page(numbers: list[int]) -> None:
    """Each page goes its own way: no answer waits for the other pages, or is lost with one."""
    task(apply_answers)(AskPeople(task_id="ask", numbers=numbers).output)


with DAG("isthmus_worklist", description=__doc__, schedule=when("7 * * * *", "UTC", []), **OPTIONS) as dag:
    questions = task(open_questions, trigger_rule="all_done")()
    task(retry_worklist, task_id="retry")() >> questions
    one_page.expand(numbers=questions)
