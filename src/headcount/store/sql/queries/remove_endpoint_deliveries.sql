delete from deliveries where endpoint = :uuid
