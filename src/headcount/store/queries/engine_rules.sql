select rules
from engine
