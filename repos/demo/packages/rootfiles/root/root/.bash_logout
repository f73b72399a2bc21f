# What a login shell of root runs as its last.
