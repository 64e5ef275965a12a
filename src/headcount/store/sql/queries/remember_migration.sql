insert into migrations (number, name, checksum)
values (:number, :name, :checksum)
