"""A datum's program as a process: its surroundings, how it is started, watched, ended, and kept from doing harm."""
