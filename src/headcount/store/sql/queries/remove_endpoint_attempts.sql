delete from attempts where endpoint = :uuid
