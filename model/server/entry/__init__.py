"""Who and what may enter: connections, keys, hosts, and bodies that are checked first."""
