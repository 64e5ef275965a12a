delete from endpoints where uuid = :uuid
