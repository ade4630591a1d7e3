"""``python -m tests.standins.sms``: an SMS gateway in a process of its own."""

from tests.standins.server import arguments, common, run_until_signal
from tests.standins.sms.app import SmsStandIn


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = arguments("sms", 8095)
    parser.add_argument("--secret", default="sms-secret")
    parser.add_argument("--account", default="AC0123456789")
    parser.add_argument("--forgets", action="store_true", help="knows no references: the same one again is sent again")
    options = parser.parse_args()
    own = ("secret", "account", "forgets")
    sms = SmsStandIn(**common(options), **{name: getattr(options, name) for name in own})
    run_until_signal(sms, sms.facts)


if __name__ == "__main__":
    main()
