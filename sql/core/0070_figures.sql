-- What the overview counts by time, from indexes alone: model calls with their cost, outward actions; jobs by the index "due", whose
-- due_at is from now on when a finished job ended.
ALTER TABLE ai_call
	ADD COLUMN IF NOT EXISTS failed BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'no answer came of it, and nobody had stopped it',
	ADD COLUMN IF NOT EXISTS cost_micros BIGINT NOT NULL DEFAULT 0 COMMENT 'millionths of [core] currency',
	ADD KEY IF NOT EXISTS figures (at, model, failed, first_text_ms, prompt_tokens, completion_tokens, cost_micros),
	ADD KEY IF NOT EXISTS model (model, id),
	DROP KEY IF EXISTS at;

UPDATE ai_call SET failed = TRUE
	WHERE result IN ('bad_request', 'denied', 'not_found', 'too_large', 'remote_failed', 'remote_timeout', 'remote_refused', 'internal');

ALTER TABLE outbound_call
	ADD KEY IF NOT EXISTS created (created_at, state),
	DROP KEY IF EXISTS created_at;

UPDATE job SET due_at = finished_at WHERE state IN (3, 4) AND finished_at IS NOT NULL;
