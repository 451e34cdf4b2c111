-- Looks at: appointments WHERE idempotency_key IS NOT NULL
-- A key stands for one booking, and for one answer of any other request.
SELECT org_id, count(*) || ' appointments of one key: ' || string_agg(id::text, ', ' ORDER BY id) AS what
FROM appointments WHERE idempotency_key IS NOT NULL
GROUP BY org_id, idempotency_key HAVING count(*) > 1
UNION ALL
SELECT org_id, count(*) || ' answers kept of one key, the first of ' || min(created_at)
FROM idempotency_keys GROUP BY org_id, idempotency_key HAVING count(*) > 1
