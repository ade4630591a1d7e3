"""Where parcels are: couriers' events, by polling, by callback, or by hand."""
