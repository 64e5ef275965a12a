-- Each link, sign-in and share knows the session that created it (`parent`, a digest) and when it was last used.

alter table passes add column parent {text};

alter table passes add column last_used_ms bigint;
