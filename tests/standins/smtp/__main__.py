"""``python -m tests.standins.smtp``: a mail server in a process of its own."""

from tests.standins.server import arguments, common, run_until_signal
from tests.standins.smtp.app import SmtpStandIn


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = arguments("smtp", 8094)
    parser.add_argument("--smtp-port", type=int, default=2525, help="0: any free one")
    parser.add_argument("--username", help="ask for a login")
    parser.add_argument("--password")
    options = parser.parse_args()
    own = ("smtp_port", "username", "password")
    mail = SmtpStandIn(**common(options), **{name: getattr(options, name) for name in own})
    run_until_signal(mail, mail.facts)


if __name__ == "__main__":
    main()
