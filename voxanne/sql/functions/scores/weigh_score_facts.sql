-- Purpose: facts about a lead as points: [{"reason", "params"}] with weights as default_score_weights has
-- them. Of the services only the one worth most counts; what happened several times counts as often, up to
-- three times. Reads nothing else, so that it can be asked what other weights would do.
-- Outcomes: {"score": 0 to 100, "tier", "reasons": [{"reason", "params", "points"}]}, what weighs most first.
CREATE FUNCTION weigh_score_facts(p_facts jsonb, p_weights jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  c_times_max constant integer := 3;
  v_score integer;
  v_reasons jsonb;
BEGIN
  WITH facts AS (
    SELECT fact ->> 'reason' AS reason, coalesce(fact -> 'params', '{}') AS params, place
    FROM jsonb_array_elements(p_facts) WITH ORDINALITY AS given (fact, place)
  ), weighed AS (
    SELECT facts.*, least(coalesce((params ->> 'times')::integer, 1), c_times_max) * coalesce(
      CASE WHEN reason = 'service' THEN (p_weights -> 'services' ->> (params ->> 'key'))::integer END,
      (p_weights -> 'weights' ->> reason)::integer, 0) AS points
    FROM facts
  ), counted AS (
    SELECT * FROM weighed
    WHERE points <> 0 AND (reason <> 'service' OR place = (
      SELECT place FROM weighed AS service WHERE reason = 'service' ORDER BY points DESC, place LIMIT 1))
  )
  SELECT greatest(0, least(100, coalesce(sum(points), 0))),
    coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'params', params, 'points', points)
                       ORDER BY abs(points) DESC, place), '[]')
  INTO v_score, v_reasons FROM counted;
  RETURN jsonb_build_object('score', v_score, 'reasons', v_reasons, 'tier', CASE
    WHEN v_score >= (p_weights ->> 'hot')::integer THEN 'hot'
    WHEN v_score >= (p_weights ->> 'warm')::integer THEN 'warm'
    ELSE 'cold' END);
END $$;
REVOKE ALL ON FUNCTION weigh_score_facts FROM PUBLIC;
