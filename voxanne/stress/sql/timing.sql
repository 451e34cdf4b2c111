-- Each procedure makes p_calls calls, each in a transaction of its own and in a clinic at random.
-- r_ms: how long each took by the server's clock; r_wrong: how many answers weren't as they must be.

CREATE PROCEDURE bench.time_availability(
  p_calls integer, p_clinics integer, p_monday date,
  INOUT r_ms double precision[] DEFAULT '{}', INOUT r_wrong integer DEFAULT 0
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_from timestamptz := bench.time_of(p_monday + 7, 0);   -- thirty days from next Monday at nine
  v_clinic uuid;
  v_began timestamptz;
  v_ended timestamptz;
  v_answer json;
BEGIN
  FOR number IN 1..p_calls LOOP
    v_clinic := bench.id_of('clinic', 1 + floor(random() * p_clinics)::integer, 0);
    v_began := clock_timestamp();
    v_answer := check_availability(v_clinic, 'consultation', v_from, v_from + interval '30 days');
    v_ended := clock_timestamp();
    r_ms := r_ms || 1000 * extract(epoch FROM v_ended - v_began)::double precision;
    r_wrong := r_wrong + (json_array_length(v_answer -> 'slots') IS DISTINCT FROM 6)::integer;
    COMMIT;
  END LOOP;
END $$;

-- Nine o'clock, which everybody is booked at: asked of one practitioner, or of anybody.
CREATE PROCEDURE bench.time_refusals(
  p_calls integer, p_clinics integer, p_monday date, p_anybody boolean, p_alternatives integer,
  INOUT r_ms double precision[] DEFAULT '{}', INOUT r_wrong integer DEFAULT 0
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_clinic integer;
  v_practitioner uuid;
  v_start timestamptz;
  v_began timestamptz;
  v_ended timestamptz;
  v_answer json;
BEGIN
  FOR number IN 1..p_calls LOOP
    v_clinic := 1 + floor(random() * p_clinics);
    v_practitioner := CASE
      WHEN NOT p_anybody THEN bench.id_of('practitioner', v_clinic, floor(random() * 10)::integer) END;
    v_start := bench.time_of(bench.weekday(p_monday, 5 + floor(random() * 20)::integer), 0);
    v_began := clock_timestamp();
    v_answer := book_appointment_atomic(
      bench.id_of('clinic', v_clinic, 0), 'Maya Okafor', NULL, '+447700900456', 'consultation',
      v_start, NULL, p_practitioner_id => v_practitioner, p_source => 'voice',
      p_alternatives => p_alternatives);
    v_ended := clock_timestamp();
    r_ms := r_ms || 1000 * extract(epoch FROM v_ended - v_began)::double precision;
    r_wrong := r_wrong + (v_answer ->> 'error' IS DISTINCT FROM 'SLOT_UNAVAILABLE'
      OR json_array_length(v_answer -> 'alternatives') IS DISTINCT FROM p_alternatives)::integer;
    COMMIT;
  END LOOP;
END $$;
