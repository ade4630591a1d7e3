"""Items and depots: what there is to hold, and where; and the channels that sell it, as orders tells."""
