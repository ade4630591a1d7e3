"""``python -m tests.standins.fan``: FAN Courier in a process of its own."""

from tests.standins.fan.app import FanStandIn
from tests.standins.server import arguments, common, run_until_signal


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = arguments("fan", 8092)
    parser.add_argument("--username", default="comanda")
    parser.add_argument("--password", default="comanda-secret")
    parser.add_argument("--client-id", type=int, default=7000001)
    parser.add_argument("--auto-ms", type=int, help="booked parcels move by themselves, a step in so long")
    options = parser.parse_args()
    own = ("username", "password", "client_id", "auto_ms")
    fan = FanStandIn(**common(options), **{name: getattr(options, name) for name in own})
    run_until_signal(fan, fan.facts)


if __name__ == "__main__":
    main()
