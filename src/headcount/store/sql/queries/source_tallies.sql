select token, what, number, last_ms, told
from source_tallies
