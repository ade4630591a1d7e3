"""Who takes part when an order moves: the rooms above lifecycle, from the rules down to the read table."""

from services.orders.desk import read_table
from services.orders.lifecycle.rooms import Rooms, wire
from services.orders.profit.handlers import judge
from services.orders.statuses.reacting import react
from services.orders.statuses.rule_store import listens

wire(Rooms(judge=judge, listens=listens, react=react, follow=(read_table.follow,)))
