"""Our own label for a thermal printer of 203 dots per inch: ZPL, A6, one label per parcel."""

from services.shipping.labels.drawing import Label

WIDTH, LENGTH = 840, 1184  # 105 x 148 mm at 8 dots a millimetre
LEFT = 48
FIT = WIDTH - 2 * LEFT
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-/:()'")


def written(label: Label) -> bytes:
    """The whole job in UTF-8; nothing in a text can be read as a command."""
    return "".join(_one(label, parcel) for parcel in range(1, label.parcels + 1)).encode()


def _one(label: Label, parcel: int) -> str:
    fields = [
        # Module of 3 dots, bars 22 mm high, subset chosen by the printer, the AWB below.
        f"^FO{LEFT},48^BY3^BCN,176,N,N,N,A^FD{_plain(label.awb)}^FS",
        _text(label.awb, 240, 44),
        _text(f"{label.order_number}   {parcel}/{label.parcels}   {label.weight_g / 1000:.2f} kg", 300, 28),
        f"^FO{LEFT},344^GB{FIT},2,2^FS",
        *(_text(text, 364 + 28 * line, 24) for line, text in enumerate(label.sender[:4])),
        f"^FO{LEFT},484^GB{FIT},2,2^FS",
        *(_text(text, 508 + 56 * line, 36) for line, text in enumerate(label.recipient[:8])),
    ]
    if label.cash:
        fields += [f"^FO{LEFT},976^GB{FIT},72,3^FS", _text(label.cash, 992, 40, indent=16)]
    if label.note:
        fields.append(f"^FO{LEFT},1072^A0N,24,24^FB{FIT},4,2,L^FH_^FD{_escaped(label.note)}^FS")
    return f"^XA^CI28^PW{WIDTH}^LL{LENGTH}^LH0,0\n" + "\n".join(fields) + "\n^XZ\n"


def _text(text: str, top: int, height: int, indent: int = 0) -> str:
    """A line that shrinks the width of its letters rather than leave the label."""
    wide = min(height, (FIT - 2 * indent) * 2 // max(len(text), 1))
    return f"^FO{LEFT + indent},{top}^A0N,{height},{max(wide, 12)}^FH_^FD{_escaped(text)}^FS"


def _escaped(text: str) -> str:
    """UTF-8 in hex for everything that is not plainly a letter or a figure, so that no text is a command."""
    return "".join(each if each in PLAIN else "".join(f"_{byte:02X}" for byte in each.encode()) for each in text)


def _plain(awb: str) -> str:
    """Barcode content stands unescaped: letters, figures and dashes only."""
    return "".join(each for each in awb if each.isascii() and (each.isalnum() or each == "-"))
