"""A letter as a mail: the words once, from a template or from what the shop wrote; the layout around them, twice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from libs.contracts.statuses import StatusText
from libs.service.texts import fill, named
from services.notifications.domain import STATUS, Kind, OwnText, Reader, Shows, written_in
from services.notifications.figures import TEMPLATES, Values, one_line

MAX_SUBJECT = 200
_WHY = {Reader.CUSTOMER: "sent_by", Reader.MERCHANT: "sent_to_shop", Reader.ALERTED: "sent_to_alerted"}
_BETWEEN_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Written:
    """A letter in words; `sms` where there are words for one."""

    subject: str
    text: str
    html: str
    sms: str | None = None


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


def written(kind: Kind, language: str, values: Values, own: OwnText | None = None) -> Written:
    """The letter, in our words or in the shop's own; the same for the same values."""
    if own is None:
        words = _templates().get_template(f"{kind.name}.{language}.txt").render(values)
        subject, _, rest = words.partition("\n")
        return _laid_out(kind, language, values, subject, [one_line(part) for part in rest.split("\n\n")])
    variables = values["variables"]
    prose = _paragraphs(fill(own.text, variables))
    sms = fill(own.sms, variables).strip() if own.sms else None
    return _laid_out(kind, language, values, fill(own.subject, variables), prose, sms, own.text)


def status_written(text: StatusText, values: Values) -> Written:
    """What a status of the shop's own tells the customer; the operator's comment stands at the end if not within."""
    variables = values["variables"]
    message = text.message or ""
    subject = one_line(fill(text.name, variables))
    prose = _paragraphs(fill(message, variables)) or [subject]
    if variables["comment"] and "comment" not in named(message):
        prose += _paragraphs(variables["comment"])
    if "order_number" not in named(text.name):
        subject = f"{subject} · {variables['order_number']}"
    sms = fill(text.sms, variables).strip() if text.sms else None
    return _laid_out(STATUS, text.language, values, subject, prose, sms, message)


def unsaid(kind: Kind, language: str, values: Values) -> OwnText:
    """Our own words of a kind in its plainest case, with the variables unfilled: what a shop begins with."""
    words = _templates().get_template(f"{kind.name}.{language}.txt").render(values)
    subject, _, prose = words.partition("\n")
    return OwnText(one_line(subject), "\n\n".join(filter(None, (one_line(part) for part in prose.split("\n\n")))))


def _paragraphs(text: str) -> list[str]:
    """What stands between empty lines; lines stay lines."""
    parts = _BETWEEN_PARAGRAPHS.split(text.replace("\r\n", "\n"))
    return list(filter(None, ("\n".join(filter(None, map(one_line, part.split("\n")))) for part in parts)))


def _laid_out(
    kind: Kind,
    language: str,
    values: Values,
    subject: str,
    prose: Sequence[str],
    sms: str | None = None,
    said: str = "",
) -> Written:
    known = written_in((language,)) is not None
    greets = known and kind.reader is Reader.CUSTOMER and "customer_name" not in named(said)
    paragraphs = [part for part in prose if part]
    variables = values["variables"]
    links = [link for link in (variables.get("tracking_link"), variables.get("courier_link")) if link]
    told = values | {
        "subject": one_line(subject)[:MAX_SUBJECT],
        "paragraphs": paragraphs,
        "marked_up": [Markup("<br>").join(_linked(line, links) for line in part.split("\n")) for part in paragraphs],
        "shows": kind.shows - ({Shows.FOLLOW} if "tracking_link" in named(said) else set()),
        "greeting": _greeting(values) if greets else "",
        "why": values["words"][_WHY[kind.reader]].format(shop=values["shop"]) if known else "",
    }
    return Written(
        subject=told["subject"],
        text=_templates().get_template("layout.txt").render(told).strip() + "\n",
        html=_templates().get_template("layout.html").render(told).strip() + "\n",
        sms=sms,
    )


def _linked(line: str, links: Sequence[str]) -> Markup:
    """The line, escaped, in which the addresses that we know lead somewhere."""
    shown = sorted({str(escape(link)) for link in links}, key=len, reverse=True)
    found = str(escape(line))
    if not shown:
        return Markup(found)  # noqa: S704 - escaped
    known = re.compile("|".join(map(re.escape, shown)))
    return Markup(known.sub(lambda link: f'<a href="{link[0]}">{link[0]}</a>', found))  # noqa: S704 - escaped


def _greeting(values: Values) -> str:
    words, name = values["words"], values.get("name")
    return str(words["greeting_named"].replace("{name}", name) if name else words["greeting"])
