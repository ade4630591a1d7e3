"""The eight addresses that orders of the month are sent to, by `n mod 8` (demo/RULE.md). Nobody lives there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Somebody:
    """A name, an address and the language a customer is written to in."""

    name: str
    phone: str
    language: str
    country: str
    region: str
    city: str
    postal_code: str
    street: str

    @property
    def address(self) -> dict[str, str]:
        """As the API takes it."""
        return {
            "country": self.country,
            "region": self.region,
            "city": self.city,
            "postal_code": self.postal_code,
            "street": self.street,
        }


PEOPLE = (
    Somebody("Ștefania Țurcanu", "+40722100200", "ro", "RO", "Cluj", "Cluj-Napoca", "400174", "Strada Părului 3"),
    Somebody("Ionuț Căpățână", "+40733200300", "ro", "RO", "Iași", "Iași", "700115", "Bulevardul Ștefan cel Mare 12"),
    Somebody("Niccolò Bertè", "+390612345678", "it", "IT", "RM", "Roma", "00184", "Via dei Santi Quattro 21"),
    Somebody("Maria Mureșan", "+40744300400", "ro", "RO", "Timiș", "Timișoara", "300011", "Piața Victoriei 5, ap. 2"),
    Somebody("Hélène Lefèvre", "+33142000001", "fr", "FR", "75", "Paris", "75011", "8 rue de la Forge Royale"),
    Somebody("Vasile Brâncuși", "+40755400500", "ro", "RO", "Gorj", "Târgu Jiu", "210135", "Strada Unirii 40"),
    Somebody("Josué Ångström", "+33491000002", "fr", "FR", "13", "Marseille", "13002", "2 place de la Major"),
    Somebody("Lucia Sartò", "+390515550000", "en", "IT", "BO", "Bologna", "40121", "Via Galliera 14"),
)
