-- Looks at: deliveries
-- One of a kind for each version of its subject, so that at most one can have been sent.
SELECT org_id, count(*) || ' ' || kind || ' of ' || subject_id || ', version ' || version AS what
FROM deliveries GROUP BY org_id, subject_id, kind, version HAVING count(*) > 1
