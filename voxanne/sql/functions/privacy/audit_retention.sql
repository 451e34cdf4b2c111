-- Purpose: for how long the audit log is kept: longer than a claim about what it tells can be made in
--   most places (six years in the United Kingdom, by the Limitation Act 1980; six by HIPAA,
--   45 CFR 164.316(b)(2)(i)).
CREATE FUNCTION audit_retention() RETURNS interval
LANGUAGE sql IMMUTABLE
AS $$ SELECT interval '6 years' $$;
REVOKE ALL ON FUNCTION audit_retention FROM PUBLIC;
