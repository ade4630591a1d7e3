"""What every service stands on: the kernel, the contracts, the service kit."""
