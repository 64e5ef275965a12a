select cursor_position, epoch
from engine
