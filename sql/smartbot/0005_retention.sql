-- What retention looks for, and calls whose tokens were estimated.
ALTER TABLE smartbot_usage
	ADD COLUMN IF NOT EXISTS estimated_calls BIGINT NOT NULL DEFAULT 0 COMMENT 'of calls: the endpoint told no tokens, such as when it broke off; they are estimated, without cost',
	ADD KEY IF NOT EXISTS person (person);

ALTER TABLE smartbot_stream ADD KEY IF NOT EXISTS of_person (person);
ALTER TABLE smartbot_turn ADD KEY IF NOT EXISTS at (at), ADD KEY IF NOT EXISTS person (person);
ALTER TABLE smartbot_conversation ADD KEY IF NOT EXISTS updated_at (updated_at);
ALTER TABLE smartbot_feedback ADD KEY IF NOT EXISTS at (at), ADD KEY IF NOT EXISTS person (person);
ALTER TABLE smartbot_press ADD KEY IF NOT EXISTS person (person);
ALTER TABLE smartbot_image ADD COLUMN IF NOT EXISTS at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), ADD KEY IF NOT EXISTS at (at);
