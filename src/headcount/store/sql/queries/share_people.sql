select person, number
from share_people
where digest = :digest
