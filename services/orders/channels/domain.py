"""What a seller, a channel and a key are made of, and what is told of them."""

from enum import StrEnum

from libs.contracts.orders import ChannelChanged, KeyChanged
from services.orders.channels.tables import ApiKeyRow, ChannelRow, SellerRow


class Weekday(StrEnum):
    """A day on which a channel may work."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class ChannelKind(StrEnum):
    """What a channel is. What a marketplace sold was sold elsewhere: it is taken as it comes."""

    WEB = "web"
    DESK = "desk"
    MARKETPLACE = "marketplace"
    TILL = "till"


def channel_fact(channel: ChannelRow, seller: SellerRow) -> ChannelChanged:
    """The channel's full row, as the others keep it."""
    return ChannelChanged(
        id=channel.id,
        version=channel.version,
        code=channel.code,
        name=channel.name,
        kind=channel.kind,
        seller=seller.code,
        seller_name=seller.name,
        languages=tuple(channel.languages),
        currency=channel.currency,
        time_zone=channel.time_zone,
        depots=tuple(channel.depots),
        merchant_email=channel.merchant_email,
        shop_email=channel.shop_email,
        shop_url=channel.shop_url,
        alert_email=channel.alert_email,
        history_published=channel.history_published,
        tracking_url=channel.tracking_url,
        sms_sender=channel.sms_sender,
    )


def key_fact(key: ApiKeyRow) -> KeyChanged:
    """A key as every service checks it."""
    return KeyChanged(
        id=key.id,
        version=key.version,
        name=key.name,
        prefix=key.prefix,
        secret_hash=key.secret_hash,
        role=key.role,
        scopes=tuple(key.scopes),
        revoked=key.revoked,
        expires_at=key.expires_at,
    )
