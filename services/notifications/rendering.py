"""A letter as a mail's subject, text and HTML: the words once, in a text template; the layout around them, twice."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notifications.domain import Kind, Reader
from services.notifications.wording import TEMPLATES, Values, one_line

MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Written:
    """A letter in words."""

    subject: str
    text: str
    html: str


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def written(kind: Kind, language: str, values: Values) -> Written:
    """The letter; the same for the same values."""
    templates = _templates()
    words = templates.get_template(f"{kind.name}.{language}.txt").render(values)
    subject, _, prose = words.partition("\n")
    name = values.get("name")
    said = values | {
        "subject": one_line(subject)[:MAX_SUBJECT],
        "paragraphs": [one_line(part) for part in prose.split("\n\n") if part.strip()],
        "shows": kind.shows,
        "greeting": _greeting(name, values) if kind.reader is Reader.CUSTOMER else "",
        "why": values["words"]["sent_by" if kind.reader is Reader.CUSTOMER else "sent_to_shop"].format(
            shop=values["shop"]
        ),
    }
    return Written(
        subject=said["subject"],
        text=templates.get_template("layout.txt").render(said).strip() + "\n",
        html=templates.get_template("layout.html").render(said).strip() + "\n",
    )


def _greeting(name: str | None, values: Values) -> str:
    words = values["words"]
    return str(words["greeting_named"].replace("{name}", name) if name else words["greeting"])
