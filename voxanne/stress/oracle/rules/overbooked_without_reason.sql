-- Looks at: appointments WHERE overlap_allowed AND status IN ('held', 'confirmed')
-- Who overbooks says why; an erased person's appointment has lost it.
SELECT org_id, 'appointment ' || id AS what FROM appointments
WHERE overlap_allowed AND status IN ('held', 'confirmed')
  AND coalesce(btrim(metadata ->> 'overlap_reason'), '') = '' AND NOT metadata ? 'erased'
