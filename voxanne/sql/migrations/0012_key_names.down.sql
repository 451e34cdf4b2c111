-- Back to keys without a name: they stay good.
ALTER TABLE credentials DROP COLUMN name;
