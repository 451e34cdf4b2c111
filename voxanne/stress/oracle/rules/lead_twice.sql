-- Looks at: leads
-- One lead for a person of a number.
SELECT org_id, 'leads ' || string_agg(id::text, ', ' ORDER BY id) AS what
FROM leads GROUP BY org_id, phone, person HAVING count(*) > 1
