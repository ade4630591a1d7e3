"""``python -m tests.standins.paypal``: PayPal in a process of its own."""

from pathlib import Path

from tests.standins.paypal.app import PayPalStandIn
from tests.standins.server import arguments, common, run_until_signal


def main() -> None:
    """Read the command line and serve until told to stop."""
    parser = arguments("paypal", 8090)
    parser.add_argument("--tls-port", type=int, help="of the certificates; --port + 1 unless given, 0: any free one")
    parser.add_argument("--tls-host", default="localhost", help="host name of certificate URLs")
    parser.add_argument("--certs", type=Path, help="folder of the CA; BOOK.certs unless given")
    parser.add_argument("--webhook-url", help="where events are sent")
    parser.add_argument("--webhook-id", default="WH-COMANDA-1")
    parser.add_argument("--client-id", default="comanda")
    parser.add_argument("--client-secret", default="comanda-secret")
    parser.add_argument("--auto-approve-ms", type=int, help="buyers approve by themselves so long after creation")
    parser.add_argument("--token-seconds", type=int, default=32400)
    options = parser.parse_args()
    own = ("tls_host", "certs", "webhook_url", "webhook_id", "client_id", "client_secret", "auto_approve_ms",
           "token_seconds")  # fmt: skip
    port = options.tls_port if options.tls_port is not None else options.port + 1 if options.port else 0
    paypal = PayPalStandIn(tls_port=port, **common(options), **{name: getattr(options, name) for name in own})
    run_until_signal(paypal, paypal.facts)


if __name__ == "__main__":
    main()
