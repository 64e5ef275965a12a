select secret
from store_secret
