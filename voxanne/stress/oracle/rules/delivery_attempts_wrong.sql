-- Looks at: deliveries
-- What is under way or ended was tried; what was never tried isn't in doubt.
SELECT org_id, status || ': ' || kind || ' of ' || subject_id || ', version ' || version AS what
FROM deliveries
WHERE status NOT IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'voided')
   OR attempts < 0 OR attempts_forgiven NOT BETWEEN 0 AND attempts OR version < 1
   OR attempts = 0 AND (status IN ('sending', 'sent', 'delivered', 'failed') OR uncertain)
   OR status = 'sending' AND NOT uncertain
