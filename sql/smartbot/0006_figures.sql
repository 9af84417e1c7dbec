-- Questions and answers by time, from the index alone.
ALTER TABLE smartbot_stream
	ADD KEY IF NOT EXISTS figures (asked_at, finished),
	DROP KEY IF EXISTS asked_at;
