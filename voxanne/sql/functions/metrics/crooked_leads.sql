-- Purpose: how many leads of a clinic are stored with a name, number or e-mail address that isn't what
--   normalising makes of it: none, unless somebody wrote past the functions or one of them is wrong. A
--   name's capitals aside: those of "JO J." were "JO j." when they were said, and both are right.
-- Cost: the c_looked_at_max newest, by leads_in_time.
CREATE FUNCTION crooked_leads(p_org_id uuid) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_looked_at_max constant integer := 100;
BEGIN
  RETURN (
    SELECT count(*) FROM (
      SELECT name, phone, email FROM leads WHERE org_id = p_org_id
      ORDER BY created_at DESC, id DESC LIMIT c_looked_at_max) AS newest
    WHERE phone IS DISTINCT FROM normalize_phone(phone)
      OR lower(name COLLATE unicode_text) IS DISTINCT FROM lower(normalize_name(name) COLLATE unicode_text)
      OR email IS DISTINCT FROM normalize_email(email));
END $$;
REVOKE ALL ON FUNCTION crooked_leads FROM PUBLIC;
