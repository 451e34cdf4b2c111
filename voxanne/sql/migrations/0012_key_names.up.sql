-- Which program a key was made for, so that the right one can be revoked.
ALTER TABLE credentials ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 100);
